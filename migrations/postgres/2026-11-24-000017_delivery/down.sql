DROP TABLE attempts;
DROP TRIGGER outbox_no_delete ON outbox;
DROP TRIGGER outbox_keeps_what_it_says ON outbox;
DROP FUNCTION outbox_keeps_what_it_says;
ALTER TABLE outbox RENAME TO outbox_of_all;
ALTER TABLE outbox_of_all RENAME CONSTRAINT outbox_pkey TO outbox_of_all_pkey;
CREATE TABLE outbox (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    referral_id BYTEA NOT NULL UNIQUE REFERENCES referrals (id),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts BIGINT NOT NULL,
    next_attempt_at TIMESTAMP NOT NULL,
    lease_until TIMESTAMP,
    lease_holder BYTEA,
    last_error TEXT,
    crm_id TEXT,
    recorded_at TIMESTAMP NOT NULL,
    delivered_at TIMESTAMP
);
INSERT INTO outbox
    SELECT subject, subject, CASE state WHEN 'delivered' THEN 'delivered' WHEN 'waiting' THEN 'waiting'
        ELSE 'dead' END, attempts, next_attempt_at, lease_until, lease_holder, last_error, remote_id,
        recorded_at, delivered_at
    FROM outbox_of_all WHERE kind = 'lead' AND revision = 1;
DROP TABLE outbox_of_all;
CREATE INDEX outbox_waiting ON outbox (next_attempt_at) WHERE state = 'waiting';
