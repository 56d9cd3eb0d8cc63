-- What the bank's own systems say will fall due for a customer: a fee, an instalment. id is theirs,
-- so the same is announced once. It is cancelled at most once, and nothing else of it changes.
CREATE TABLE announcements (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    kind TEXT NOT NULL CHECK (kind <> ''),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    -- A business day, as 2026-12-31.
    due_on TEXT NOT NULL CHECK (length(due_on) = 10),
    announced_by TEXT NOT NULL CHECK (announced_by <> ''),
    recorded_at TEXT NOT NULL,
    cancelled_by TEXT,
    cancelled_because TEXT,
    cancelled_at TEXT,
    CHECK ((cancelled_at IS NULL) = (cancelled_by IS NULL)),
    CHECK ((cancelled_at IS NULL) = (cancelled_because IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX announcements_due ON announcements (kind, due_on, id) WHERE cancelled_at IS NULL;
CREATE INDEX announcements_by_customer ON announcements (customer_id, id);

CREATE TRIGGER announcements_keep BEFORE UPDATE ON announcements
WHEN OLD.cancelled_at IS NOT NULL OR OLD.id <> NEW.id OR OLD.kind <> NEW.kind
    OR OLD.customer_id <> NEW.customer_id OR OLD.asset <> NEW.asset OR OLD.amount <> NEW.amount
    OR OLD.due_on <> NEW.due_on OR OLD.announced_by <> NEW.announced_by
    OR OLD.recorded_at <> NEW.recorded_at BEGIN
    SELECT RAISE(ABORT, 'an announcement is cancelled once, and nothing else of it changes');
END;
CREATE TRIGGER announcements_no_delete BEFORE DELETE ON announcements BEGIN
    SELECT RAISE(ABORT, 'announcements is append-only: cancel, do not delete');
END;

-- That a customer is told of one, so many days ahead at most: once each. Whether it arrived is in
-- the outbox, whose subject the id is.
CREATE TABLE announcement_notices (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    announcement_id TEXT NOT NULL REFERENCES announcements (id),
    days INTEGER NOT NULL CHECK (days > 0),
    recorded_at TEXT NOT NULL,
    UNIQUE (announcement_id, days)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER announcement_notices_no_update BEFORE UPDATE ON announcement_notices BEGIN
    SELECT RAISE(ABORT, 'announcement_notices is append-only: reverse, do not change');
END;
CREATE TRIGGER announcement_notices_no_delete BEFORE DELETE ON announcement_notices BEGIN
    SELECT RAISE(ABORT, 'announcement_notices is append-only: reverse, do not change');
END;
