-- Lots: points that came in together. The parts change with entries that name the lot, and ledger
-- verify proves them from those; all else is immutable.
CREATE TABLE lots (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    customer_id BYTEA NOT NULL,
    partner_id TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    transaction_id BYTEA NOT NULL,
    issued BIGINT NOT NULL CHECK (issued > 0),
    by_partner BIGINT NOT NULL CHECK (by_partner >= 0 AND by_partner <= issued),
    unit_cost TEXT COLLATE "C" NOT NULL,
    matures_at TIMESTAMP,
    expires_at TIMESTAMP,
    effective_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    pending BIGINT NOT NULL CHECK (pending >= 0),
    available BIGINT NOT NULL CHECK (available >= 0),
    held BIGINT NOT NULL CHECK (held >= 0),
    redeemed BIGINT NOT NULL CHECK (redeemed >= 0),
    expired BIGINT NOT NULL CHECK (expired >= 0),
    CHECK (pending + available + held + redeemed + expired <= issued)
);
CREATE INDEX lots_by_customer ON lots (customer_id) WHERE pending > 0 OR available > 0 OR held > 0;
CREATE INDEX lots_maturing ON lots (matures_at) WHERE pending > 0 AND matures_at IS NOT NULL;
CREATE INDEX lots_expiring ON lots (expires_at) WHERE available > 0 AND expires_at IS NOT NULL;
ALTER TABLE lots SET (fillfactor = 80);

CREATE FUNCTION lots_change_only_in_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lots change only in their parts';
END $$;
CREATE TRIGGER lots_only_parts BEFORE UPDATE ON lots FOR EACH ROW
    WHEN ((OLD.id, OLD.customer_id, OLD.partner_id, OLD.rule, OLD.transaction_id, OLD.issued,
           OLD.by_partner, OLD.unit_cost, OLD.matures_at, OLD.expires_at, OLD.effective_at,
           OLD.recorded_at)
        IS DISTINCT FROM
          (NEW.id, NEW.customer_id, NEW.partner_id, NEW.rule, NEW.transaction_id, NEW.issued,
           NEW.by_partner, NEW.unit_cost, NEW.matures_at, NEW.expires_at, NEW.effective_at,
           NEW.recorded_at))
    EXECUTE FUNCTION lots_change_only_in_parts();
CREATE TRIGGER lots_no_delete BEFORE DELETE ON lots
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER lots_no_truncate BEFORE TRUNCATE ON lots
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Codes that customers show at tills, by their hash; good for minutes, used once.
CREATE TABLE codes (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    expires_at TIMESTAMP NOT NULL,
    used BOOLEAN NOT NULL
);
CREATE INDEX codes_by_customer ON codes (customer_id);
CREATE INDEX codes_by_expiry ON codes (expires_at);

-- Points set aside, by the key of the event that held them. State, and what was committed and
-- returned, follow events; all else is immutable.
CREATE TABLE holds (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    customer_id BYTEA NOT NULL,
    partner_id TEXT COLLATE "C" NOT NULL,
    points BIGINT NOT NULL CHECK (points > 0),
    times_out_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('held', 'committed', 'cancelled', 'timed_out')),
    committed BIGINT NOT NULL CHECK (committed >= 0 AND committed <= points),
    returned BIGINT NOT NULL CHECK (returned >= 0 AND returned <= committed),
    value BIGINT NOT NULL CHECK (value >= 0),
    CHECK (state = 'committed' OR committed = 0)
);
CREATE INDEX holds_timing_out ON holds (times_out_at) WHERE state = 'held';

CREATE FUNCTION holds_change_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold keeps what it is, and once closed its state';
END $$;
CREATE TRIGGER holds_only_forward BEFORE UPDATE ON holds FOR EACH ROW
    WHEN ((OLD.id, OLD.customer_id, OLD.partner_id, OLD.points, OLD.times_out_at, OLD.recorded_at)
        IS DISTINCT FROM
          (NEW.id, NEW.customer_id, NEW.partner_id, NEW.points, NEW.times_out_at, NEW.recorded_at)
        OR (OLD.state <> 'held' AND OLD.state <> NEW.state) OR NEW.returned < OLD.returned)
    EXECUTE FUNCTION holds_change_only_forward();
CREATE TRIGGER holds_no_delete BEFORE DELETE ON holds
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER holds_no_truncate BEFORE TRUNCATE ON holds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
