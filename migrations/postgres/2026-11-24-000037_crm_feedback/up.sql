-- How far each CRM's changes have been read. id is the hash of where it is.
CREATE TABLE crm_watermarks (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    watermark TEXT NOT NULL COLLATE "C",
    looked_at TIMESTAMP NOT NULL
);

-- What the CRM told us by itself and we have done, by the hash of the message's id.
CREATE TABLE crm_messages (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX crm_messages_by_expiry ON crm_messages (expires_at);
