-- Corrections by staff: adjustments of points, and reversals of transactions. What was proposed is
-- immutable; from proposed a correction goes on once. Staff are known by the ids that the bank's
-- identity provider gives them. A correction names its transaction, and no foreign key holds it:
-- ledger verify proves it.
CREATE TABLE corrections (
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('adjustment', 'reversal')),
    customer_id BYTEA,
    partner_id TEXT COLLATE "C",
    member_ref TEXT COLLATE "C",
    points BIGINT NOT NULL,
    expires_at TIMESTAMP,
    reverses BYTEA CHECK (octet_length(reverses) = 16),
    reason TEXT COLLATE "C" NOT NULL CHECK (reason <> ''),
    proposed_by TEXT COLLATE "C" NOT NULL CHECK (proposed_by <> ''),
    proposed_at TIMESTAMP NOT NULL,
    above_limit BOOLEAN NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'posted', 'rejected')),
    transaction_id BYTEA UNIQUE,
    approved_by TEXT COLLATE "C",
    rejected_by TEXT COLLATE "C",
    rejected_because TEXT COLLATE "C",
    closed_at TIMESTAMP,
    CHECK (kind <> 'adjustment' OR (customer_id IS NOT NULL AND partner_id IS NOT NULL
        AND member_ref IS NOT NULL AND points <> 0 AND reverses IS NULL)),
    CHECK (kind <> 'reversal' OR (reverses IS NOT NULL AND expires_at IS NULL)),
    -- Within the limit one person posts at once; beyond it another one approves.
    CHECK (state <> 'posted' OR NOT above_limit OR approved_by IS NOT NULL),
    CHECK (state = 'posted' OR (above_limit AND approved_by IS NULL)),
    CHECK (approved_by IS NULL OR approved_by <> proposed_by),
    CHECK ((state = 'posted') = (transaction_id IS NOT NULL)),
    CHECK ((state = 'rejected') = (rejected_by IS NOT NULL)),
    CHECK ((state = 'rejected') = (rejected_because IS NOT NULL)),
    CHECK ((state = 'proposed') = (closed_at IS NULL))
);
-- A transaction is reversed once: a second reversal can be proposed only when the first was rejected.
CREATE UNIQUE INDEX corrections_reverse_once ON corrections (reverses)
    WHERE reverses IS NOT NULL AND state <> 'rejected';
CREATE INDEX corrections_by_state ON corrections (state, proposed_at, id);

CREATE FUNCTION corrections_change_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a correction keeps what was proposed, and once closed its state';
END $$;
CREATE TRIGGER corrections_only_forward BEFORE UPDATE ON corrections FOR EACH ROW
    WHEN (OLD.state <> 'proposed' OR
          (OLD.id, OLD.customer_id, OLD.kind, OLD.partner_id, OLD.member_ref, OLD.points,
           OLD.expires_at, OLD.reverses, OLD.reason, OLD.proposed_by, OLD.proposed_at, OLD.above_limit)
        IS DISTINCT FROM
          (NEW.id, NEW.customer_id, NEW.kind, NEW.partner_id, NEW.member_ref, NEW.points,
           NEW.expires_at, NEW.reverses, NEW.reason, NEW.proposed_by, NEW.proposed_at, NEW.above_limit))
    EXECUTE FUNCTION corrections_change_only_forward();
CREATE TRIGGER corrections_no_delete BEFORE DELETE ON corrections
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER corrections_no_truncate BEFORE TRUNCATE ON corrections
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
