-- What becomes of a payout, by what the bank answers: orders that were given out, files of the bank,
-- what each of their entries came to, and what of the bank's side fits nothing.

-- An order to the bank, as its file was first given out. One for a closed month.
CREATE TABLE payouts (
    message_id TEXT NOT NULL PRIMARY KEY,
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (length(period) = 7),
    number INTEGER NOT NULL,
    end_to_end_id TEXT NOT NULL UNIQUE,
    minor INTEGER NOT NULL CHECK (minor > 0),
    payer_account TEXT NOT NULL CHECK (payer_account <> ''),
    payee_account TEXT NOT NULL CHECK (payee_account <> ''),
    state TEXT NOT NULL CHECK (state IN ('ordered', 'accepted', 'rejected', 'paid', 'returned')),
    ordered_by TEXT NOT NULL CHECK (ordered_by <> ''),
    ordered_at TEXT NOT NULL,
    UNIQUE (partner_id, period),
    FOREIGN KEY (partner_id, period, number) REFERENCES settlements (partner_id, period, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX payouts_by_payer ON payouts (payer_account);
CREATE INDEX payouts_by_state ON payouts (state, ordered_at, message_id);

-- A file that came from the bank, by its hash.
CREATE TABLE bank_files (
    sha256 BLOB NOT NULL PRIMARY KEY CHECK (length(sha256) = 32),
    kind TEXT NOT NULL CHECK (kind IN ('camt.053', 'camt.054', 'pain.002')),
    message_id TEXT NOT NULL,
    -- The bank's account that it is about; a status report is about none.
    account TEXT,
    entries INTEGER NOT NULL CHECK (entries >= 0),
    imported_by TEXT NOT NULL CHECK (imported_by <> ''),
    imported_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bank_files_by_time ON bank_files (imported_at, sha256);

-- What the bank says of one payment, once: id is the hash of what names it at the bank.
CREATE TABLE bank_entries (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    file_sha256 BLOB NOT NULL REFERENCES bank_files (sha256),
    line INTEGER NOT NULL CHECK (line >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('debit', 'credit', 'status')),
    -- The payout that it is about, if it is about one.
    payout TEXT REFERENCES payouts (message_id),
    reference TEXT,
    end_to_end_id TEXT,
    currency TEXT,
    minor INTEGER,
    counter_account TEXT,
    booked_on TEXT,
    status TEXT,
    reason_code TEXT,
    reason_text TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN
        ('accepted', 'rejected', 'paid', 'returned', 'known', 'break')),
    CHECK ((currency IS NULL) = (minor IS NULL)),
    CHECK ((kind = 'status') = (minor IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX bank_entries_of_file ON bank_entries (file_sha256, line);

-- Where a payout went, and why. A move that posts names its transaction.
CREATE TABLE payout_moves (
    payout TEXT NOT NULL REFERENCES payouts (message_id),
    number INTEGER NOT NULL CHECK (number >= 1),
    state TEXT NOT NULL CHECK (state IN ('ordered', 'accepted', 'rejected', 'paid', 'returned')),
    -- Nothing: by a person alone.
    entry_id BLOB REFERENCES bank_entries (id),
    moved_by TEXT NOT NULL CHECK (moved_by <> ''),
    reason_code TEXT,
    reason_text TEXT,
    transaction_id BLOB UNIQUE CHECK (length(transaction_id) = 16),
    moved_at TEXT NOT NULL,
    PRIMARY KEY (payout, number),
    CHECK ((state IN ('rejected', 'paid', 'returned')) = (transaction_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX payout_moves_once ON payout_moves (payout, state);

-- An entry of the bank that fits no payout, or not as it stands. People decide on it.
CREATE TABLE bank_breaks (
    id BLOB NOT NULL PRIMARY KEY REFERENCES bank_entries (id),
    code TEXT NOT NULL,
    payout TEXT REFERENCES payouts (message_id),
    opened_at TEXT NOT NULL,
    due_on TEXT NOT NULL CHECK (length(due_on) = 10),
    state TEXT NOT NULL CHECK (state IN
        ('open', 'proposed', 'accepted', 'confirmed', 'charged', 'cleared')),
    closed_at TEXT,
    CHECK ((state IN ('accepted', 'confirmed', 'charged', 'cleared')) = (closed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX bank_breaks_by_state ON bank_breaks (state, opened_at, id);
CREATE INDEX bank_breaks_of_payout ON bank_breaks (payout);

-- Four eyes: nobody approves what they proposed.
CREATE TABLE bank_break_proposals (
    bank_break BLOB NOT NULL REFERENCES bank_breaks (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN ('accept', 'confirm', 'charge')),
    reason TEXT NOT NULL CHECK (reason <> ''),
    proposed_by TEXT NOT NULL CHECK (proposed_by <> ''),
    proposed_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    decided_by TEXT,
    decided_because TEXT,
    decided_at TEXT,
    transaction_id BLOB UNIQUE CHECK (length(transaction_id) = 16),
    PRIMARY KEY (bank_break, number),
    CHECK (state <> 'approved' OR decided_by <> proposed_by),
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK ((state = 'rejected') = (decided_because IS NOT NULL)),
    CHECK ((state = 'approved' AND action = 'charge') = (transaction_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX bank_break_proposals_one_open ON bank_break_proposals (bank_break)
    WHERE state = 'proposed';
CREATE INDEX bank_break_proposals_by_decision ON bank_break_proposals (decided_at);

CREATE TRIGGER payouts_keep BEFORE UPDATE ON payouts
WHEN NOT ((OLD.state = 'ordered' AND NEW.state IN ('accepted', 'rejected', 'paid'))
            OR (OLD.state = 'accepted' AND NEW.state IN ('rejected', 'paid'))
            OR (OLD.state = 'paid' AND NEW.state = 'returned'))
    OR OLD.message_id IS NOT NEW.message_id
    OR OLD.partner_id IS NOT NEW.partner_id
    OR OLD.period IS NOT NEW.period
    OR OLD.number IS NOT NEW.number
    OR OLD.end_to_end_id IS NOT NEW.end_to_end_id
    OR OLD.minor IS NOT NEW.minor
    OR OLD.payer_account IS NOT NEW.payer_account
    OR OLD.payee_account IS NOT NEW.payee_account
    OR OLD.ordered_by IS NOT NEW.ordered_by
    OR OLD.ordered_at IS NOT NEW.ordered_at BEGIN
    SELECT RAISE(ABORT, 'a payout keeps what was ordered, and goes on in order');
END;
CREATE TRIGGER payouts_ordered_first BEFORE INSERT ON payouts WHEN NEW.state <> 'ordered' BEGIN
    SELECT RAISE(ABORT, 'a payout keeps what was ordered, and goes on in order');
END;
CREATE TRIGGER bank_breaks_keep BEFORE UPDATE ON bank_breaks
WHEN OLD.closed_at IS NOT NULL
    OR OLD.id IS NOT NEW.id
    OR OLD.code IS NOT NEW.code
    OR OLD.payout IS NOT NEW.payout
    OR OLD.opened_at IS NOT NEW.opened_at
    OR OLD.due_on IS NOT NEW.due_on BEGIN
    SELECT RAISE(ABORT, 'a break of the bank keeps what it is about, and what was decided');
END;
CREATE TRIGGER bank_breaks_decided BEFORE UPDATE ON bank_breaks
WHEN NEW.state IN ('accepted', 'confirmed', 'charged') AND OLD.state <> NEW.state
    AND NOT EXISTS (
        SELECT 1 FROM bank_break_proposals p
        WHERE p.bank_break = NEW.id AND p.state = 'approved' AND p.action = CASE NEW.state
            WHEN 'accepted' THEN 'accept' WHEN 'confirmed' THEN 'confirm' ELSE 'charge' END
    ) BEGIN
    SELECT RAISE(ABORT, 'a break of the bank is decided on by a proposal that another person approved');
END;
CREATE TRIGGER bank_breaks_open_first BEFORE INSERT ON bank_breaks WHEN NEW.state <> 'open' BEGIN
    SELECT RAISE(ABORT, 'a break of the bank keeps what it is about, and what was decided');
END;
CREATE TRIGGER bank_break_proposals_keep BEFORE UPDATE ON bank_break_proposals
WHEN OLD.state <> 'proposed'
    OR OLD.bank_break IS NOT NEW.bank_break
    OR OLD.number IS NOT NEW.number
    OR OLD.action IS NOT NEW.action
    OR OLD.reason IS NOT NEW.reason
    OR OLD.proposed_by IS NOT NEW.proposed_by
    OR OLD.proposed_at IS NOT NEW.proposed_at BEGIN
    SELECT RAISE(ABORT, 'a proposal keeps what was proposed, and is decided once');
END;
CREATE TRIGGER bank_break_proposals_first BEFORE INSERT ON bank_break_proposals
WHEN NEW.state <> 'proposed' BEGIN
    SELECT RAISE(ABORT, 'a proposal keeps what was proposed, and is decided once');
END;
CREATE TRIGGER payouts_no_delete BEFORE DELETE ON payouts BEGIN
    SELECT RAISE(ABORT, 'payouts is append-only: reverse, do not change');
END;
CREATE TRIGGER bank_files_no_update BEFORE UPDATE ON bank_files BEGIN
    SELECT RAISE(ABORT, 'bank_files is append-only: reverse, do not change');
END;
CREATE TRIGGER bank_files_no_delete BEFORE DELETE ON bank_files BEGIN
    SELECT RAISE(ABORT, 'bank_files is append-only: reverse, do not change');
END;
CREATE TRIGGER bank_entries_no_update BEFORE UPDATE ON bank_entries BEGIN
    SELECT RAISE(ABORT, 'bank_entries is append-only: reverse, do not change');
END;
CREATE TRIGGER bank_entries_no_delete BEFORE DELETE ON bank_entries BEGIN
    SELECT RAISE(ABORT, 'bank_entries is append-only: reverse, do not change');
END;
CREATE TRIGGER payout_moves_no_update BEFORE UPDATE ON payout_moves BEGIN
    SELECT RAISE(ABORT, 'payout_moves is append-only: reverse, do not change');
END;
CREATE TRIGGER payout_moves_no_delete BEFORE DELETE ON payout_moves BEGIN
    SELECT RAISE(ABORT, 'payout_moves is append-only: reverse, do not change');
END;
CREATE TRIGGER bank_breaks_no_delete BEFORE DELETE ON bank_breaks BEGIN
    SELECT RAISE(ABORT, 'bank_breaks is append-only: reverse, do not change');
END;
CREATE TRIGGER bank_break_proposals_no_delete BEFORE DELETE ON bank_break_proposals BEGIN
    SELECT RAISE(ABORT, 'bank_break_proposals is append-only: reverse, do not change');
END;
