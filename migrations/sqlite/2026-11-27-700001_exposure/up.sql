-- What partners cost the bank, by limit and period: the figures against which events are held. A figure
-- only rises. id is the hash of the rest.
CREATE TABLE exposures (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    customer_id BLOB,
    period TEXT NOT NULL CHECK (period <> ''),
    amount INTEGER NOT NULL CHECK (amount >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX exposures_by_partner ON exposures (partner_id, rule, period);

CREATE TRIGGER exposures_rise BEFORE UPDATE ON exposures
WHEN NEW.amount < OLD.amount OR OLD.id <> NEW.id OR OLD.partner_id <> NEW.partner_id
    OR OLD.rule <> NEW.rule OR OLD.customer_id IS NOT NEW.customer_id
    OR OLD.period <> NEW.period BEGIN
    SELECT RAISE(ABORT, 'a figure of exposure keeps what it counts, and only rises');
END;

-- Events that bring nothing until staff release or reject them. Written in the event's own transaction,
-- whose receipt says why.
CREATE TABLE held_events (
    event_id BLOB NOT NULL PRIMARY KEY CHECK (length(event_id) = 16),
    partner_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- The hold whose price is held; NULL for any other event.
    hold_id BLOB,
    -- The limit, or late, or frozen.
    rule TEXT NOT NULL CHECK (rule <> ''),
    figure TEXT,
    limit_figure TEXT,
    recorded_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'released', 'rejected')),
    decided_by TEXT,
    decided_because TEXT,
    decided_at TEXT,
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX held_events_in_order ON held_events (state, recorded_at, event_id);
CREATE INDEX held_events_by_partner ON held_events (partner_id, state, recorded_at, event_id);
CREATE INDEX held_events_of_hold ON held_events (hold_id) WHERE hold_id IS NOT NULL;

CREATE TRIGGER held_events_keep BEFORE UPDATE ON held_events
WHEN OLD.state <> 'open' OR OLD.event_id <> NEW.event_id OR OLD.partner_id <> NEW.partner_id
    OR OLD.kind <> NEW.kind OR OLD.hold_id IS NOT NEW.hold_id OR OLD.rule <> NEW.rule
    OR OLD.figure IS NOT NEW.figure OR OLD.limit_figure IS NOT NEW.limit_figure
    OR OLD.recorded_at <> NEW.recorded_at BEGIN
    SELECT RAISE(ABORT, 'a held event keeps why it is held, and is decided on once');
END;
CREATE TRIGGER held_events_no_delete BEFORE DELETE ON held_events BEGIN
    SELECT RAISE(ABORT, 'held_events is append-only: decide, do not delete');
END;

-- What came of held events when staff released them, and of the refunds that waited with them.
CREATE TABLE released_events (
    event_id BLOB NOT NULL PRIMARY KEY CHECK (length(event_id) = 16),
    transaction_id BLOB NOT NULL UNIQUE CHECK (length(transaction_id) = 16)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER released_events_no_update BEFORE UPDATE ON released_events BEGIN
    SELECT RAISE(ABORT, 'released_events is append-only');
END;
CREATE TRIGGER released_events_no_delete BEFORE DELETE ON released_events BEGIN
    SELECT RAISE(ABORT, 'released_events is append-only');
END;

-- Partners that staff have frozen. What the partner reports is held, and its points and money that are
-- not safe by then may not be had, until the freeze is lifted.
CREATE TABLE freezes (
    partner_id TEXT NOT NULL,
    -- What was recorded from this moment on is held.
    since TEXT NOT NULL,
    frozen_by TEXT NOT NULL CHECK (frozen_by <> ''),
    because TEXT NOT NULL CHECK (because <> ''),
    frozen_at TEXT NOT NULL,
    -- What moved the partner's money out of reach, and what moved it back; NULL where there was none.
    transaction_id BLOB,
    lifted_by TEXT,
    lifted_because TEXT,
    lifted_at TEXT,
    lifted_transaction_id BLOB,
    PRIMARY KEY (partner_id, frozen_at),
    CHECK (since <= frozen_at),
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX freezes_in_force ON freezes (partner_id) WHERE lifted_at IS NULL;

CREATE TRIGGER freezes_keep BEFORE UPDATE ON freezes
WHEN OLD.lifted_at IS NOT NULL OR OLD.partner_id <> NEW.partner_id OR OLD.since <> NEW.since
    OR OLD.frozen_by <> NEW.frozen_by OR OLD.because <> NEW.because
    OR OLD.frozen_at <> NEW.frozen_at OR OLD.transaction_id IS NOT NEW.transaction_id BEGIN
    SELECT RAISE(ABORT, 'a freeze keeps who, why and since when, and is lifted once');
END;
CREATE TRIGGER freezes_no_delete BEFORE DELETE ON freezes BEGIN
    SELECT RAISE(ABORT, 'freezes is append-only: lift, do not delete');
END;

-- Files of the bank's own history that an operator had judged by their dates: who, why, and which file.
CREATE TABLE history_imports (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    by_whom TEXT NOT NULL CHECK (by_whom <> ''),
    because TEXT NOT NULL CHECK (because <> ''),
    begun_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER history_imports_no_update BEFORE UPDATE ON history_imports BEGIN
    SELECT RAISE(ABORT, 'history_imports is append-only');
END;
CREATE TRIGGER history_imports_no_delete BEFORE DELETE ON history_imports BEGIN
    SELECT RAISE(ABORT, 'history_imports is append-only');
END;
