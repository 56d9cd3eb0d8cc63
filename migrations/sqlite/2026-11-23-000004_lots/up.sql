-- Lots: points that came in together. The parts change with entries that name the lot, and ledger
-- verify proves them from those; all else is immutable.
CREATE TABLE lots (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    customer_id BLOB NOT NULL,
    partner_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    transaction_id BLOB NOT NULL,
    issued INTEGER NOT NULL CHECK (issued > 0),
    by_partner INTEGER NOT NULL CHECK (by_partner >= 0 AND by_partner <= issued),
    unit_cost TEXT NOT NULL,
    matures_at TEXT,
    expires_at TEXT,
    effective_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    pending INTEGER NOT NULL CHECK (pending >= 0),
    available INTEGER NOT NULL CHECK (available >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    redeemed INTEGER NOT NULL CHECK (redeemed >= 0),
    expired INTEGER NOT NULL CHECK (expired >= 0),
    CHECK (pending + available + held + redeemed + expired <= issued)
) STRICT, WITHOUT ROWID;
CREATE INDEX lots_by_customer ON lots (customer_id) WHERE pending > 0 OR available > 0 OR held > 0;
CREATE INDEX lots_maturing ON lots (matures_at) WHERE pending > 0 AND matures_at IS NOT NULL;
CREATE INDEX lots_expiring ON lots (expires_at) WHERE available > 0 AND expires_at IS NOT NULL;

CREATE TRIGGER lots_only_parts
    BEFORE UPDATE OF id, customer_id, partner_id, rule, transaction_id, issued, by_partner,
        unit_cost, matures_at, expires_at, effective_at, recorded_at ON lots BEGIN
    SELECT RAISE(ABORT, 'lots change only in their parts');
END;
CREATE TRIGGER lots_no_delete BEFORE DELETE ON lots BEGIN
    SELECT RAISE(ABORT, 'lots is append-only: reverse, do not change');
END;

-- Codes that customers show at tills, by their hash; good for minutes, used once.
CREATE TABLE codes (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    customer_id BLOB NOT NULL REFERENCES customers (id),
    expires_at TEXT NOT NULL,
    used INTEGER NOT NULL CHECK (used IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_by_customer ON codes (customer_id);
CREATE INDEX codes_by_expiry ON codes (expires_at);

-- Points set aside, by the key of the event that held them. State, and what was committed and
-- returned, follow events; all else is immutable.
CREATE TABLE holds (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    customer_id BLOB NOT NULL,
    partner_id TEXT NOT NULL,
    points INTEGER NOT NULL CHECK (points > 0),
    times_out_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'committed', 'cancelled', 'timed_out')),
    committed INTEGER NOT NULL CHECK (committed >= 0 AND committed <= points),
    returned INTEGER NOT NULL CHECK (returned >= 0 AND returned <= committed),
    value INTEGER NOT NULL CHECK (value >= 0),
    CHECK (state = 'committed' OR committed = 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_timing_out ON holds (times_out_at) WHERE state = 'held';

CREATE TRIGGER holds_only_forward BEFORE UPDATE ON holds
WHEN OLD.id <> NEW.id OR OLD.customer_id <> NEW.customer_id OR OLD.partner_id <> NEW.partner_id
    OR OLD.points <> NEW.points OR OLD.times_out_at <> NEW.times_out_at
    OR OLD.recorded_at <> NEW.recorded_at OR (OLD.state <> 'held' AND OLD.state <> NEW.state)
    OR NEW.returned < OLD.returned BEGIN
    SELECT RAISE(ABORT, 'a hold keeps what it is, and once closed its state');
END;
CREATE TRIGGER holds_no_delete BEFORE DELETE ON holds BEGIN
    SELECT RAISE(ABORT, 'holds is append-only: reverse, do not change');
END;
