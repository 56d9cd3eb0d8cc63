-- What comes of holding a partner's statement against our events. A run compares a month; its matches
-- live until a later run ends them; what does not match is a break, which people decide on.

CREATE TABLE reconciliations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (length(period) = 7),
    number INTEGER NOT NULL CHECK (number >= 1),
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'given_up')),
    started_by TEXT NOT NULL CHECK (started_by <> ''),
    started_at TEXT NOT NULL,
    lease_until TEXT NOT NULL,
    ended_at TEXT,
    -- Counts and sums, as JSON.
    report TEXT,
    UNIQUE (partner_id, period, number),
    CHECK ((state = 'running') = (ended_at IS NULL)),
    CHECK ((state = 'done') = (report IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX reconciliations_one_at_a_time ON reconciliations (partner_id, period)
    WHERE state = 'running';

-- A line of a statement, and our event, where one agrees with it. ended_by names the run that no
-- longer matches them. The two unique indexes keep every line and every event in one live match.
CREATE TABLE matches (
    statement_id BLOB NOT NULL,
    line INTEGER NOT NULL,
    made_by INTEGER NOT NULL,
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL,
    event_key BLOB CHECK (length(event_key) = 16),
    rule TEXT NOT NULL,
    rule_version INTEGER NOT NULL,
    ended_by INTEGER,
    PRIMARY KEY (statement_id, line, made_by),
    FOREIGN KEY (statement_id, line) REFERENCES statement_lines (statement_id, line)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX matches_one_of_line ON matches (statement_id, line) WHERE ended_by IS NULL;
CREATE UNIQUE INDEX matches_one_of_event ON matches (event_key)
    WHERE ended_by IS NULL AND event_key IS NOT NULL;

-- id is the hash of what differs, so that the next run finds the same break again.
CREATE TABLE breaks (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (length(period) = 7),
    code TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'refund', 'redemption', 'return')),
    theirs_currency TEXT,
    theirs_minor INTEGER,
    ours_currency TEXT,
    ours_minor INTEGER,
    business_day TEXT NOT NULL CHECK (length(business_day) = 10),
    -- The rows of both sides as they stood, as JSON.
    facts TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    due_on TEXT NOT NULL CHECK (length(due_on) = 10),
    state TEXT NOT NULL CHECK (state IN
        ('open', 'proposed', 'awaiting_partner', 'accepted', 'adjusted', 'written_off', 'cleared')),
    -- When the partner was first asked.
    asked_at TEXT,
    closed_at TEXT,
    CHECK ((theirs_currency IS NULL) = (theirs_minor IS NULL)),
    CHECK ((ours_currency IS NULL) = (ours_minor IS NULL)),
    CHECK (theirs_minor IS NOT NULL OR ours_minor IS NOT NULL),
    CHECK ((state IN ('accepted', 'adjusted', 'written_off', 'cleared')) = (closed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX breaks_by_state ON breaks (state, opened_at, id);
CREATE INDEX breaks_by_code ON breaks (state, code, opened_at, id);
CREATE INDEX breaks_by_partner ON breaks (partner_id, state, opened_at, id);
CREATE INDEX breaks_by_partner_and_code ON breaks (partner_id, state, code, opened_at, id);
CREATE INDEX breaks_of_period ON breaks (partner_id, period, id);
CREATE INDEX breaks_asked ON breaks (partner_id, asked_at, id) WHERE asked_at IS NOT NULL;

-- Four eyes: nobody approves what they proposed.
CREATE TABLE break_proposals (
    break_id BLOB NOT NULL REFERENCES breaks (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    action TEXT NOT NULL
        CHECK (action IN ('accept', 'adjust', 'write_off', 'ask_partner')),
    -- What an adjustment posts: above zero the bank owes the partner more.
    minor INTEGER,
    reason TEXT NOT NULL CHECK (reason <> ''),
    proposed_by TEXT NOT NULL CHECK (proposed_by <> ''),
    proposed_at TEXT NOT NULL,
    lapses_at TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('proposed', 'approved', 'rejected', 'lapsed')),
    decided_by TEXT,
    decided_because TEXT,
    decided_at TEXT,
    transaction_id BLOB UNIQUE CHECK (length(transaction_id) = 16),
    PRIMARY KEY (break_id, number),
    CHECK ((action = 'adjust') = (minor IS NOT NULL)),
    CHECK (minor IS NULL OR minor <> 0),
    CHECK (state <> 'approved' OR decided_by <> proposed_by),
    CHECK ((state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)),
    CHECK ((state = 'rejected') = (decided_because IS NOT NULL)),
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK ((state = 'approved' AND action = 'adjust') = (transaction_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX break_proposals_one_open ON break_proposals (break_id)
    WHERE state = 'proposed';

-- What staff and the partner say of a break.
CREATE TABLE break_notes (
    break_id BLOB NOT NULL REFERENCES breaks (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    by_kind TEXT NOT NULL CHECK (by_kind IN ('staff', 'partner')),
    by_id TEXT NOT NULL CHECK (by_id <> ''),
    -- Whether the partner may read it.
    shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
    says TEXT NOT NULL CHECK (says <> ''),
    noted_at TEXT NOT NULL,
    PRIMARY KEY (break_id, number),
    CHECK (by_kind = 'staff' OR shared)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER matches_keep BEFORE UPDATE ON matches
WHEN OLD.ended_by IS NOT NULL OR OLD.statement_id IS NOT NEW.statement_id
    OR OLD.line IS NOT NEW.line OR OLD.made_by IS NOT NEW.made_by
    OR OLD.partner_id IS NOT NEW.partner_id OR OLD.period IS NOT NEW.period
    OR OLD.event_key IS NOT NEW.event_key OR OLD.rule IS NOT NEW.rule
    OR OLD.rule_version IS NOT NEW.rule_version BEGIN
    SELECT RAISE(ABORT, 'a match stays, and is ended once');
END;
CREATE TRIGGER matches_no_delete BEFORE DELETE ON matches BEGIN
    SELECT RAISE(ABORT, 'matches is append-only: reverse, do not change');
END;
CREATE TRIGGER breaks_keep BEFORE UPDATE ON breaks
WHEN (OLD.state IN ('accepted', 'adjusted', 'written_off')
        AND (OLD.state IS NOT NEW.state OR OLD.closed_at IS NOT NEW.closed_at))
    OR (OLD.asked_at IS NOT NULL AND OLD.asked_at IS NOT NEW.asked_at)
    OR OLD.id IS NOT NEW.id OR OLD.partner_id IS NOT NEW.partner_id
    OR OLD.period IS NOT NEW.period OR OLD.code IS NOT NEW.code OR OLD.kind IS NOT NEW.kind
    OR OLD.theirs_currency IS NOT NEW.theirs_currency OR OLD.theirs_minor IS NOT NEW.theirs_minor
    OR OLD.ours_currency IS NOT NEW.ours_currency OR OLD.ours_minor IS NOT NEW.ours_minor
    OR OLD.business_day IS NOT NEW.business_day OR OLD.opened_at IS NOT NEW.opened_at BEGIN
    SELECT RAISE(ABORT, 'a break keeps what differs, and what was decided');
END;
CREATE TRIGGER breaks_decided BEFORE UPDATE ON breaks
WHEN NEW.state IN ('accepted', 'adjusted', 'written_off', 'awaiting_partner')
    AND OLD.state <> NEW.state
    AND NOT EXISTS (
        SELECT 1 FROM break_proposals p
        WHERE p.break_id = NEW.id AND p.state = 'approved' AND p.action = CASE NEW.state
            WHEN 'accepted' THEN 'accept' WHEN 'adjusted' THEN 'adjust'
            WHEN 'written_off' THEN 'write_off' ELSE 'ask_partner' END
    ) BEGIN
    SELECT RAISE(ABORT, 'a break is decided on by a proposal that another person approved');
END;
CREATE TRIGGER breaks_decided_at_first BEFORE INSERT ON breaks WHEN NEW.state <> 'open' BEGIN
    SELECT RAISE(ABORT, 'a break keeps what differs, and what was decided');
END;
CREATE TRIGGER breaks_no_delete BEFORE DELETE ON breaks BEGIN
    SELECT RAISE(ABORT, 'breaks is append-only: reverse, do not change');
END;
CREATE TRIGGER break_proposals_keep BEFORE UPDATE ON break_proposals
WHEN OLD.state <> 'proposed' OR OLD.break_id IS NOT NEW.break_id OR OLD.number IS NOT NEW.number
    OR OLD.action IS NOT NEW.action OR OLD.minor IS NOT NEW.minor OR OLD.reason IS NOT NEW.reason
    OR OLD.proposed_by IS NOT NEW.proposed_by OR OLD.proposed_at IS NOT NEW.proposed_at
    OR OLD.lapses_at IS NOT NEW.lapses_at BEGIN
    SELECT RAISE(ABORT, 'a proposal keeps what was proposed, and is decided once');
END;
CREATE TRIGGER break_proposals_no_delete BEFORE DELETE ON break_proposals BEGIN
    SELECT RAISE(ABORT, 'break_proposals is append-only: reverse, do not change');
END;
CREATE TRIGGER break_notes_no_update BEFORE UPDATE ON break_notes BEGIN
    SELECT RAISE(ABORT, 'break_notes is append-only: reverse, do not change');
END;
CREATE TRIGGER break_notes_no_delete BEFORE DELETE ON break_notes BEGIN
    SELECT RAISE(ABORT, 'break_notes is append-only: reverse, do not change');
END;
