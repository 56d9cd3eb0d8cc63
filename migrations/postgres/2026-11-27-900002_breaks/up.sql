-- What comes of holding a partner's statement against our events. A run compares a month; its matches
-- live until a later run ends them; what does not match is a break, which people decide on.

CREATE TABLE reconciliations (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL CHECK (length(period) = 7),
    number BIGINT NOT NULL CHECK (number >= 1),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'done', 'given_up')),
    started_by TEXT COLLATE "C" NOT NULL CHECK (started_by <> ''),
    started_at TIMESTAMP NOT NULL,
    lease_until TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    -- Counts and sums, as JSON.
    report TEXT,
    UNIQUE (partner_id, period, number),
    CHECK ((state = 'running') = (ended_at IS NULL)),
    CHECK ((state = 'done') = (report IS NOT NULL))
);
CREATE UNIQUE INDEX reconciliations_one_at_a_time ON reconciliations (partner_id, period)
    WHERE state = 'running';

-- A line of a statement, and our event, where one agrees with it. ended_by names the run that no
-- longer matches them. The two unique indexes keep every line and every event in one live match.
CREATE TABLE matches (
    statement_id BYTEA NOT NULL,
    line BIGINT NOT NULL,
    made_by BIGINT NOT NULL,
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    event_key BYTEA CHECK (octet_length(event_key) = 16),
    rule TEXT COLLATE "C" NOT NULL,
    rule_version BIGINT NOT NULL,
    ended_by BIGINT,
    PRIMARY KEY (statement_id, line, made_by),
    FOREIGN KEY (statement_id, line) REFERENCES statement_lines (statement_id, line)
);
CREATE UNIQUE INDEX matches_one_of_line ON matches (statement_id, line) WHERE ended_by IS NULL;
CREATE UNIQUE INDEX matches_one_of_event ON matches (event_key)
    WHERE ended_by IS NULL AND event_key IS NOT NULL;

-- id is the hash of what differs, so that the next run finds the same break again.
CREATE TABLE breaks (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL CHECK (length(period) = 7),
    code TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('payment', 'refund', 'redemption', 'return')),
    theirs_currency TEXT COLLATE "C",
    theirs_minor BIGINT,
    ours_currency TEXT COLLATE "C",
    ours_minor BIGINT,
    business_day TEXT COLLATE "C" NOT NULL CHECK (length(business_day) = 10),
    -- The rows of both sides as they stood, as JSON.
    facts TEXT NOT NULL,
    opened_at TIMESTAMP NOT NULL,
    due_on TEXT COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN
        ('open', 'proposed', 'awaiting_partner', 'accepted', 'adjusted', 'written_off', 'cleared')),
    -- When the partner was first asked.
    asked_at TIMESTAMP,
    closed_at TIMESTAMP,
    CHECK ((theirs_currency IS NULL) = (theirs_minor IS NULL)),
    CHECK ((ours_currency IS NULL) = (ours_minor IS NULL)),
    CHECK (theirs_minor IS NOT NULL OR ours_minor IS NOT NULL),
    CHECK ((state IN ('accepted', 'adjusted', 'written_off', 'cleared')) = (closed_at IS NOT NULL))
);
CREATE INDEX breaks_by_state ON breaks (state, opened_at, id);
CREATE INDEX breaks_by_code ON breaks (state, code, opened_at, id);
CREATE INDEX breaks_by_partner ON breaks (partner_id, state, opened_at, id);
CREATE INDEX breaks_by_partner_and_code ON breaks (partner_id, state, code, opened_at, id);
CREATE INDEX breaks_of_period ON breaks (partner_id, period, id);
CREATE INDEX breaks_asked ON breaks (partner_id, asked_at, id) WHERE asked_at IS NOT NULL;

-- Four eyes: nobody approves what they proposed.
CREATE TABLE break_proposals (
    break_id BYTEA NOT NULL REFERENCES breaks (id),
    number BIGINT NOT NULL CHECK (number >= 1),
    action TEXT COLLATE "C" NOT NULL
        CHECK (action IN ('accept', 'adjust', 'write_off', 'ask_partner')),
    -- What an adjustment posts: above zero the bank owes the partner more.
    minor BIGINT,
    reason TEXT COLLATE "C" NOT NULL CHECK (reason <> ''),
    proposed_by TEXT COLLATE "C" NOT NULL CHECK (proposed_by <> ''),
    proposed_at TIMESTAMP NOT NULL,
    lapses_at TIMESTAMP NOT NULL,
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('proposed', 'approved', 'rejected', 'lapsed')),
    decided_by TEXT COLLATE "C",
    decided_because TEXT COLLATE "C",
    decided_at TIMESTAMP,
    transaction_id BYTEA UNIQUE CHECK (octet_length(transaction_id) = 16),
    PRIMARY KEY (break_id, number),
    CHECK ((action = 'adjust') = (minor IS NOT NULL)),
    CHECK (minor IS NULL OR minor <> 0),
    CHECK (state <> 'approved' OR decided_by <> proposed_by),
    CHECK ((state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)),
    CHECK ((state = 'rejected') = (decided_because IS NOT NULL)),
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK ((state = 'approved' AND action = 'adjust') = (transaction_id IS NOT NULL))
);
CREATE UNIQUE INDEX break_proposals_one_open ON break_proposals (break_id)
    WHERE state = 'proposed';

-- What staff and the partner say of a break.
CREATE TABLE break_notes (
    break_id BYTEA NOT NULL REFERENCES breaks (id),
    number BIGINT NOT NULL CHECK (number >= 1),
    by_kind TEXT COLLATE "C" NOT NULL CHECK (by_kind IN ('staff', 'partner')),
    by_id TEXT COLLATE "C" NOT NULL CHECK (by_id <> ''),
    -- Whether the partner may read it.
    shared BOOLEAN NOT NULL,
    says TEXT COLLATE "C" NOT NULL CHECK (says <> ''),
    noted_at TIMESTAMP NOT NULL,
    PRIMARY KEY (break_id, number),
    CHECK (by_kind = 'staff' OR shared)
);

DO $keep$
DECLARE
    place TEXT := quote_ident(current_schema());
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.matches_end_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a match stays, and is ended once';
END $body$
$f$, '{schema}', place);
    EXECUTE replace($f$
CREATE FUNCTION {schema}.breaks_only_forward() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a break keeps what differs, and what was decided';
END $body$
$f$, '{schema}', place);
    EXECUTE replace($f$
CREATE FUNCTION {schema}.breaks_need_approval() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM {schema}.break_proposals p
        WHERE p.break_id = NEW.id AND p.state = 'approved' AND p.action = CASE NEW.state
            WHEN 'accepted' THEN 'accept' WHEN 'adjusted' THEN 'adjust'
            WHEN 'written_off' THEN 'write_off' ELSE 'ask_partner' END
    ) THEN
        RAISE EXCEPTION 'a break is decided on by a proposal that another person approved';
    END IF;
    RETURN NEW;
END $body$
$f$, '{schema}', place);
    EXECUTE replace($f$
CREATE FUNCTION {schema}.break_proposals_close_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a proposal keeps what was proposed, and is decided once';
END $body$
$f$, '{schema}', place);
END $keep$;
REVOKE EXECUTE ON FUNCTION matches_end_once() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION breaks_only_forward() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION breaks_need_approval() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION break_proposals_close_once() FROM PUBLIC;

CREATE TRIGGER matches_keep BEFORE UPDATE ON matches FOR EACH ROW
    WHEN (OLD.ended_by IS NOT NULL
        OR (OLD.statement_id, OLD.line, OLD.made_by, OLD.partner_id, OLD.period, OLD.event_key,
            OLD.rule, OLD.rule_version)
        IS DISTINCT FROM
           (NEW.statement_id, NEW.line, NEW.made_by, NEW.partner_id, NEW.period, NEW.event_key,
            NEW.rule, NEW.rule_version))
    EXECUTE FUNCTION matches_end_once();
CREATE TRIGGER matches_no_delete BEFORE DELETE ON matches
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER matches_no_truncate BEFORE TRUNCATE ON matches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER breaks_keep BEFORE UPDATE ON breaks FOR EACH ROW
    WHEN ((OLD.state IN ('accepted', 'adjusted', 'written_off')
            AND (OLD.state, OLD.closed_at) IS DISTINCT FROM (NEW.state, NEW.closed_at))
        OR (OLD.asked_at IS NOT NULL AND OLD.asked_at IS DISTINCT FROM NEW.asked_at)
        OR (OLD.id, OLD.partner_id, OLD.period, OLD.code, OLD.kind, OLD.theirs_currency,
            OLD.theirs_minor, OLD.ours_currency, OLD.ours_minor, OLD.business_day, OLD.opened_at)
        IS DISTINCT FROM
           (NEW.id, NEW.partner_id, NEW.period, NEW.code, NEW.kind, NEW.theirs_currency,
            NEW.theirs_minor, NEW.ours_currency, NEW.ours_minor, NEW.business_day, NEW.opened_at))
    EXECUTE FUNCTION breaks_only_forward();
CREATE TRIGGER breaks_decided BEFORE UPDATE ON breaks FOR EACH ROW
    WHEN (NEW.state IN ('accepted', 'adjusted', 'written_off', 'awaiting_partner')
        AND OLD.state <> NEW.state)
    EXECUTE FUNCTION breaks_need_approval();
CREATE TRIGGER breaks_decided_at_first BEFORE INSERT ON breaks FOR EACH ROW
    WHEN (NEW.state <> 'open') EXECUTE FUNCTION breaks_only_forward();
CREATE TRIGGER breaks_no_delete BEFORE DELETE ON breaks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER breaks_no_truncate BEFORE TRUNCATE ON breaks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_proposals_keep BEFORE UPDATE ON break_proposals FOR EACH ROW
    WHEN (OLD.state <> 'proposed'
        OR (OLD.break_id, OLD.number, OLD.action, OLD.minor, OLD.reason, OLD.proposed_by,
            OLD.proposed_at, OLD.lapses_at)
        IS DISTINCT FROM
           (NEW.break_id, NEW.number, NEW.action, NEW.minor, NEW.reason, NEW.proposed_by,
            NEW.proposed_at, NEW.lapses_at))
    EXECUTE FUNCTION break_proposals_close_once();
CREATE TRIGGER break_proposals_no_delete BEFORE DELETE ON break_proposals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_proposals_no_truncate BEFORE TRUNCATE ON break_proposals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_notes_append_only BEFORE UPDATE OR DELETE ON break_notes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_notes_no_truncate BEFORE TRUNCATE ON break_notes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
