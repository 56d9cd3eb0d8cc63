DROP TABLE webhook_endpoints;
DROP FUNCTION webhook_endpoints_only_forward;
