-- What became of an upload is said for some days, and then forgotten.
CREATE INDEX statement_uploads_ended ON statement_uploads (ended_at, id) WHERE ended_at IS NOT NULL;
