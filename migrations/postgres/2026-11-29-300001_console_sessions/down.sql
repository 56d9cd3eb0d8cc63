DROP TABLE console_sessions;
DROP FUNCTION console_sessions_only_seen();
