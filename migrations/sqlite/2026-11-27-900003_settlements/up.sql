-- The close of a partner's month. One person proposes it with the statement, another closes. What was
-- recorded up to the cut belongs to it or to an earlier one; what comes later falls into the next.
CREATE TABLE settlements (
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (length(period) = 7),
    number INTEGER NOT NULL CHECK (number >= 1),
    state TEXT NOT NULL CHECK (state IN ('proposed', 'closed', 'rejected')),
    cut_at TEXT NOT NULL,
    -- The statement as JSON, and its hash.
    content TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    -- What goes into the next month, in hundredths of CNY.
    carried_minor INTEGER NOT NULL,
    proposed_by TEXT NOT NULL CHECK (proposed_by <> ''),
    proposed_at TEXT NOT NULL,
    decided_by TEXT,
    decided_at TEXT,
    PRIMARY KEY (partner_id, period, number),
    CHECK (cut_at <= proposed_at),
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK (state <> 'closed' OR decided_by <> proposed_by)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX settlements_closed_once ON settlements (partner_id, period)
    WHERE state = 'closed';
CREATE UNIQUE INDEX settlements_one_proposal ON settlements (partner_id) WHERE state = 'proposed';
CREATE INDEX settlements_by_cut ON settlements (cut_at) WHERE state = 'closed';

CREATE TRIGGER settlements_keep BEFORE UPDATE ON settlements
WHEN OLD.state <> 'proposed' OR OLD.partner_id IS NOT NEW.partner_id
    OR OLD.period IS NOT NEW.period OR OLD.number IS NOT NEW.number
    OR OLD.cut_at IS NOT NEW.cut_at OR OLD.content IS NOT NEW.content
    OR OLD.sha256 IS NOT NEW.sha256 OR OLD.carried_minor IS NOT NEW.carried_minor
    OR OLD.proposed_by IS NOT NEW.proposed_by OR OLD.proposed_at IS NOT NEW.proposed_at BEGIN
    SELECT RAISE(ABORT, 'a settlement keeps what was proposed, and is decided once');
END;
CREATE TRIGGER settlements_proposed_first BEFORE INSERT ON settlements
WHEN NEW.state <> 'proposed' BEGIN
    SELECT RAISE(ABORT, 'a settlement keeps what was proposed, and is decided once');
END;
CREATE TRIGGER settlements_no_delete BEFORE DELETE ON settlements BEGIN
    SELECT RAISE(ABORT, 'settlements is append-only: reverse, do not change');
END;
-- A transaction that says that it was recorded before a cut would change a closed month.
CREATE TRIGGER transactions_not_in_closed BEFORE INSERT ON transactions
WHEN NEW.recorded_at <= (SELECT max(cut_at) FROM settlements WHERE state = 'closed') BEGIN
    SELECT RAISE(ABORT, 'a closed month takes no more transactions');
END;
