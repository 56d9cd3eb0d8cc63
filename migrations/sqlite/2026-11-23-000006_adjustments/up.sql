-- Corrections by staff: adjustments of points, and reversals of transactions. What was proposed is
-- immutable; from proposed a correction goes on once. Staff are known by the ids that the bank's
-- identity provider gives them. A correction names its transaction, and no foreign key holds it:
-- ledger verify proves it.
CREATE TABLE corrections (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('adjustment', 'reversal')),
    customer_id BLOB,
    partner_id TEXT,
    member_ref TEXT,
    points INTEGER NOT NULL,
    expires_at TEXT,
    reverses BLOB CHECK (length(reverses) = 16),
    reason TEXT NOT NULL CHECK (reason <> ''),
    proposed_by TEXT NOT NULL CHECK (proposed_by <> ''),
    proposed_at TEXT NOT NULL,
    above_limit INTEGER NOT NULL CHECK (above_limit IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('proposed', 'posted', 'rejected')),
    transaction_id BLOB UNIQUE,
    approved_by TEXT,
    rejected_by TEXT,
    rejected_because TEXT,
    closed_at TEXT,
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
) STRICT, WITHOUT ROWID;
-- A transaction is reversed once: a second reversal can be proposed only when the first was rejected.
CREATE UNIQUE INDEX corrections_reverse_once ON corrections (reverses)
    WHERE reverses IS NOT NULL AND state <> 'rejected';
CREATE INDEX corrections_by_state ON corrections (state, proposed_at, id);

CREATE TRIGGER corrections_only_forward BEFORE UPDATE ON corrections
WHEN OLD.state <> 'proposed' OR OLD.id IS NOT NEW.id OR OLD.customer_id IS NOT NEW.customer_id
    OR OLD.kind IS NOT NEW.kind OR OLD.partner_id IS NOT NEW.partner_id OR OLD.member_ref IS NOT NEW.member_ref
    OR OLD.points IS NOT NEW.points OR OLD.expires_at IS NOT NEW.expires_at OR OLD.reverses IS NOT NEW.reverses
    OR OLD.reason IS NOT NEW.reason OR OLD.proposed_by IS NOT NEW.proposed_by OR OLD.proposed_at IS NOT NEW.proposed_at
    OR OLD.above_limit IS NOT NEW.above_limit BEGIN
    SELECT RAISE(ABORT, 'a correction keeps what was proposed, and once closed its state');
END;
CREATE TRIGGER corrections_no_delete BEFORE DELETE ON corrections BEGIN
    SELECT RAISE(ABORT, 'corrections is append-only: reverse, do not change');
END;
