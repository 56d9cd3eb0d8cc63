DROP INDEX statement_uploads_ended;
