-- What a customer is told before it happens. id is the hash of customer, kind, object and days, so
-- nothing is told twice. Whether it arrived is in the outbox, whose subject it is.
CREATE TABLE notices (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    kind TEXT NOT NULL COLLATE "C" CHECK (kind <> ''),
    -- What it is about: the day on which points expire, say.
    object TEXT NOT NULL COLLATE "C" CHECK (object <> ''),
    -- How many days ahead at most.
    days BIGINT NOT NULL CHECK (days > 0),
    points BIGINT NOT NULL CHECK (points > 0),
    recorded_at TIMESTAMP NOT NULL
);
CREATE INDEX notices_by_customer ON notices (customer_id, recorded_at);
CREATE TRIGGER notices_append_only BEFORE UPDATE OR DELETE ON notices
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER notices_no_truncate BEFORE TRUNCATE ON notices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Kinds of notices that a customer does not want.
CREATE TABLE notice_opt_outs (
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    kind TEXT NOT NULL COLLATE "C" CHECK (kind <> ''),
    since TIMESTAMP NOT NULL,
    PRIMARY KEY (customer_id, kind)
);
