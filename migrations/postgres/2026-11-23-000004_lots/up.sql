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
