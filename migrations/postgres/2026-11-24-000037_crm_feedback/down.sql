DROP TABLE crm_messages;
DROP TABLE crm_watermarks;
