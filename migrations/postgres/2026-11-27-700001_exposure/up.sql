-- What partners cost the bank, by limit and period: the figures against which events are held. A figure
-- only rises. id is the hash of the rest.
CREATE TABLE exposures (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    customer_id BYTEA,
    period TEXT COLLATE "C" NOT NULL CHECK (period <> ''),
    amount BIGINT NOT NULL CHECK (amount >= 0)
);
CREATE INDEX exposures_by_partner ON exposures (partner_id, rule, period);

CREATE FUNCTION exposures_only_rise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a figure of exposure keeps what it counts, and only rises';
END $$;
CREATE TRIGGER exposures_rise BEFORE UPDATE ON exposures FOR EACH ROW
    WHEN (NEW.amount < OLD.amount
        OR (OLD.id, OLD.partner_id, OLD.rule, OLD.customer_id, OLD.period)
        IS DISTINCT FROM (NEW.id, NEW.partner_id, NEW.rule, NEW.customer_id, NEW.period))
    EXECUTE FUNCTION exposures_only_rise();

-- Events that bring nothing until staff release or reject them. Written in the event's own transaction,
-- whose receipt says why.
CREATE TABLE held_events (
    event_id BYTEA PRIMARY KEY CHECK (octet_length(event_id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    -- The hold whose price is held; NULL for any other event.
    hold_id BYTEA,
    -- The limit, or late, or frozen.
    rule TEXT COLLATE "C" NOT NULL CHECK (rule <> ''),
    figure TEXT,
    limit_figure TEXT,
    recorded_at TIMESTAMP NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'released', 'rejected')),
    decided_by TEXT,
    decided_because TEXT,
    decided_at TIMESTAMP,
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX held_events_in_order ON held_events (state, recorded_at, event_id);
CREATE INDEX held_events_by_partner ON held_events (partner_id, state, recorded_at, event_id);
CREATE INDEX held_events_of_hold ON held_events (hold_id) WHERE hold_id IS NOT NULL;

CREATE FUNCTION held_events_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a held event keeps why it is held, and is decided on once';
END $$;
CREATE TRIGGER held_events_keep BEFORE UPDATE ON held_events FOR EACH ROW
    WHEN (OLD.state <> 'open'
        OR (OLD.event_id, OLD.partner_id, OLD.kind, OLD.hold_id, OLD.rule, OLD.figure,
            OLD.limit_figure, OLD.recorded_at)
        IS DISTINCT FROM
           (NEW.event_id, NEW.partner_id, NEW.kind, NEW.hold_id, NEW.rule, NEW.figure,
            NEW.limit_figure, NEW.recorded_at))
    EXECUTE FUNCTION held_events_only_forward();
CREATE TRIGGER held_events_no_delete BEFORE DELETE ON held_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER held_events_no_truncate BEFORE TRUNCATE ON held_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What came of held events when staff released them, and of the refunds that waited with them.
CREATE TABLE released_events (
    event_id BYTEA PRIMARY KEY CHECK (octet_length(event_id) = 16),
    transaction_id BYTEA NOT NULL UNIQUE CHECK (octet_length(transaction_id) = 16)
);
CREATE TRIGGER released_events_append_only BEFORE UPDATE OR DELETE ON released_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER released_events_no_truncate BEFORE TRUNCATE ON released_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Partners that staff have frozen. What the partner reports is held, and its points and money that are
-- not safe by then may not be had, until the freeze is lifted.
CREATE TABLE freezes (
    partner_id TEXT COLLATE "C" NOT NULL,
    -- What was recorded from this moment on is held.
    since TIMESTAMP NOT NULL,
    frozen_by TEXT NOT NULL CHECK (frozen_by <> ''),
    because TEXT NOT NULL CHECK (because <> ''),
    frozen_at TIMESTAMP NOT NULL,
    -- What moved the partner's money out of reach, and what moved it back; NULL where there was none.
    transaction_id BYTEA,
    lifted_by TEXT,
    lifted_because TEXT,
    lifted_at TIMESTAMP,
    lifted_transaction_id BYTEA,
    PRIMARY KEY (partner_id, frozen_at),
    CHECK (since <= frozen_at),
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE UNIQUE INDEX freezes_in_force ON freezes (partner_id) WHERE lifted_at IS NULL;

CREATE FUNCTION freezes_only_lifted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a freeze keeps who, why and since when, and is lifted once';
END $$;
CREATE TRIGGER freezes_keep BEFORE UPDATE ON freezes FOR EACH ROW
    WHEN (OLD.lifted_at IS NOT NULL
        OR (OLD.partner_id, OLD.since, OLD.frozen_by, OLD.because, OLD.frozen_at,
            OLD.transaction_id)
        IS DISTINCT FROM
           (NEW.partner_id, NEW.since, NEW.frozen_by, NEW.because, NEW.frozen_at,
            NEW.transaction_id))
    EXECUTE FUNCTION freezes_only_lifted();
CREATE TRIGGER freezes_no_delete BEFORE DELETE ON freezes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER freezes_no_truncate BEFORE TRUNCATE ON freezes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Files of the bank's own history that an operator had judged by their dates: who, why, and which file.
CREATE TABLE history_imports (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    file TEXT NOT NULL,
    sha256 BYTEA NOT NULL CHECK (octet_length(sha256) = 32),
    by_whom TEXT NOT NULL CHECK (by_whom <> ''),
    because TEXT NOT NULL CHECK (because <> ''),
    begun_at TIMESTAMP NOT NULL
);
CREATE TRIGGER history_imports_append_only BEFORE UPDATE OR DELETE ON history_imports
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER history_imports_no_truncate BEFORE TRUNCATE ON history_imports
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- These functions look nowhere but here, as all others do.
DO $guards$
DECLARE
    place TEXT := quote_ident(current_schema());
    named TEXT;
BEGIN
    FOREACH named IN ARRAY
        ARRAY['exposures_only_rise', 'held_events_only_forward', 'freezes_only_lifted']
    LOOP
        EXECUTE 'ALTER FUNCTION ' || place || '.' || named || '()'
            || ' SET search_path = pg_catalog, ' || place || ', pg_temp';
        EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || place || '.' || named || '() FROM PUBLIC';
    END LOOP;
END $guards$;
