ALTER TABLE webhook_endpoints DROP COLUMN signs_from;
