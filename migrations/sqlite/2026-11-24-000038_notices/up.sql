-- What a customer is told before it happens. id is the hash of customer, kind, object and days, so
-- nothing is told twice. Whether it arrived is in the outbox, whose subject it is.
CREATE TABLE notices (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    kind TEXT NOT NULL CHECK (kind <> ''),
    -- What it is about: the day on which points expire, say.
    object TEXT NOT NULL CHECK (object <> ''),
    -- How many days ahead at most.
    days INTEGER NOT NULL CHECK (days > 0),
    points INTEGER NOT NULL CHECK (points > 0),
    recorded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_by_customer ON notices (customer_id, recorded_at);
CREATE TRIGGER notices_no_update BEFORE UPDATE ON notices BEGIN
    SELECT RAISE(ABORT, 'notices is append-only: reverse, do not change');
END;
CREATE TRIGGER notices_no_delete BEFORE DELETE ON notices BEGIN
    SELECT RAISE(ABORT, 'notices is append-only: reverse, do not change');
END;

-- Kinds of notices that a customer does not want.
CREATE TABLE notice_opt_outs (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    kind TEXT NOT NULL CHECK (kind <> ''),
    since TEXT NOT NULL,
    PRIMARY KEY (customer_id, kind)
) STRICT, WITHOUT ROWID;
