DROP TABLE statement_upload_parts;
DROP TABLE statement_uploads;
