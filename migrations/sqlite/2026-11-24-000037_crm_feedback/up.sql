-- How far each CRM's changes have been read. id is the hash of where it is.
CREATE TABLE crm_watermarks (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    watermark TEXT NOT NULL,
    looked_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the CRM told us by itself and we have done, by the hash of the message's id.
CREATE TABLE crm_messages (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX crm_messages_by_expiry ON crm_messages (expires_at);
