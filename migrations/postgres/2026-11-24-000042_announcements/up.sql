-- What the bank's own systems say will fall due for a customer: a fee, an instalment. id is theirs,
-- so the same is announced once. It is cancelled at most once, and nothing else of it changes.
CREATE TABLE announcements (
    id TEXT COLLATE "C" PRIMARY KEY CHECK (id <> ''),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    -- A business day, as 2026-12-31.
    due_on TEXT COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    announced_by TEXT NOT NULL CHECK (announced_by <> ''),
    recorded_at TIMESTAMP NOT NULL,
    cancelled_by TEXT,
    cancelled_because TEXT,
    cancelled_at TIMESTAMP,
    CHECK ((cancelled_at IS NULL) = (cancelled_by IS NULL)),
    CHECK ((cancelled_at IS NULL) = (cancelled_because IS NULL))
);
CREATE INDEX announcements_due ON announcements (kind, due_on, id) WHERE cancelled_at IS NULL;
CREATE INDEX announcements_by_customer ON announcements (customer_id, id);

CREATE FUNCTION announcements_only_cancel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an announcement is cancelled once, and nothing else of it changes';
END $$;
CREATE TRIGGER announcements_keep BEFORE UPDATE ON announcements FOR EACH ROW
    WHEN (OLD.cancelled_at IS NOT NULL
        OR (OLD.id, OLD.kind, OLD.customer_id, OLD.asset, OLD.amount, OLD.due_on, OLD.announced_by,
            OLD.recorded_at)
        IS DISTINCT FROM
           (NEW.id, NEW.kind, NEW.customer_id, NEW.asset, NEW.amount, NEW.due_on, NEW.announced_by,
            NEW.recorded_at))
    EXECUTE FUNCTION announcements_only_cancel();
CREATE TRIGGER announcements_no_delete BEFORE DELETE ON announcements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER announcements_no_truncate BEFORE TRUNCATE ON announcements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- That a customer is told of one, so many days ahead at most: once each. Whether it arrived is in
-- the outbox, whose subject the id is.
CREATE TABLE announcement_notices (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    announcement_id TEXT COLLATE "C" NOT NULL REFERENCES announcements (id),
    days BIGINT NOT NULL CHECK (days > 0),
    recorded_at TIMESTAMP NOT NULL,
    UNIQUE (announcement_id, days)
);
CREATE TRIGGER announcement_notices_append_only BEFORE UPDATE OR DELETE ON announcement_notices
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER announcement_notices_no_truncate BEFORE TRUNCATE ON announcement_notices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
