-- What becomes of a payout, by what the bank answers: orders that were given out, files of the bank,
-- what each of their entries came to, and what of the bank's side fits nothing.

-- An order to the bank, as its file was first given out. One for a closed month.
CREATE TABLE payouts (
    message_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL CHECK (length(period) = 7),
    number BIGINT NOT NULL,
    end_to_end_id TEXT COLLATE "C" NOT NULL UNIQUE,
    minor BIGINT NOT NULL CHECK (minor > 0),
    payer_account TEXT COLLATE "C" NOT NULL CHECK (payer_account <> ''),
    payee_account TEXT COLLATE "C" NOT NULL CHECK (payee_account <> ''),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('ordered', 'accepted', 'rejected', 'paid', 'returned')),
    ordered_by TEXT COLLATE "C" NOT NULL CHECK (ordered_by <> ''),
    ordered_at TIMESTAMP NOT NULL,
    UNIQUE (partner_id, period),
    FOREIGN KEY (partner_id, period, number) REFERENCES settlements (partner_id, period, number)
);
CREATE INDEX payouts_by_payer ON payouts (payer_account);
CREATE INDEX payouts_by_state ON payouts (state, ordered_at, message_id);

-- A file that came from the bank, by its hash.
CREATE TABLE bank_files (
    sha256 BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(sha256) = 32),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('camt.053', 'camt.054', 'pain.002')),
    message_id TEXT COLLATE "C" NOT NULL,
    -- The bank's account that it is about; a status report is about none.
    account TEXT COLLATE "C",
    entries BIGINT NOT NULL CHECK (entries >= 0),
    imported_by TEXT COLLATE "C" NOT NULL CHECK (imported_by <> ''),
    imported_at TIMESTAMP NOT NULL
);
CREATE INDEX bank_files_by_time ON bank_files (imported_at, sha256);

-- What the bank says of one payment, once: id is the hash of what names it at the bank.
CREATE TABLE bank_entries (
    id BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    file_sha256 BYTEA NOT NULL REFERENCES bank_files (sha256),
    line BIGINT NOT NULL CHECK (line >= 1),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('debit', 'credit', 'status')),
    -- The payout that it is about, if it is about one.
    payout TEXT COLLATE "C" REFERENCES payouts (message_id),
    reference TEXT COLLATE "C",
    end_to_end_id TEXT COLLATE "C",
    currency TEXT COLLATE "C",
    minor BIGINT,
    counter_account TEXT COLLATE "C",
    booked_on TEXT COLLATE "C",
    status TEXT COLLATE "C",
    reason_code TEXT COLLATE "C",
    reason_text TEXT COLLATE "C",
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN
        ('accepted', 'rejected', 'paid', 'returned', 'known', 'break')),
    CHECK ((currency IS NULL) = (minor IS NULL)),
    CHECK ((kind = 'status') = (minor IS NULL))
);

CREATE INDEX bank_entries_of_file ON bank_entries (file_sha256, line);

-- Where a payout went, and why. A move that posts names its transaction.
CREATE TABLE payout_moves (
    payout TEXT COLLATE "C" NOT NULL REFERENCES payouts (message_id),
    number BIGINT NOT NULL CHECK (number >= 1),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('ordered', 'accepted', 'rejected', 'paid', 'returned')),
    -- Nothing: by a person alone.
    entry_id BYTEA REFERENCES bank_entries (id),
    moved_by TEXT COLLATE "C" NOT NULL CHECK (moved_by <> ''),
    reason_code TEXT COLLATE "C",
    reason_text TEXT COLLATE "C",
    transaction_id BYTEA UNIQUE CHECK (octet_length(transaction_id) = 16),
    moved_at TIMESTAMP NOT NULL,
    PRIMARY KEY (payout, number),
    CHECK ((state IN ('rejected', 'paid', 'returned')) = (transaction_id IS NOT NULL))
);
CREATE UNIQUE INDEX payout_moves_once ON payout_moves (payout, state);

-- An entry of the bank that fits no payout, or not as it stands. People decide on it.
CREATE TABLE bank_breaks (
    id BYTEA NOT NULL PRIMARY KEY REFERENCES bank_entries (id),
    code TEXT COLLATE "C" NOT NULL,
    payout TEXT COLLATE "C" REFERENCES payouts (message_id),
    opened_at TIMESTAMP NOT NULL,
    due_on TEXT COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN
        ('open', 'proposed', 'accepted', 'confirmed', 'charged', 'cleared')),
    closed_at TIMESTAMP,
    CHECK ((state IN ('accepted', 'confirmed', 'charged', 'cleared')) = (closed_at IS NOT NULL))
);
CREATE INDEX bank_breaks_by_state ON bank_breaks (state, opened_at, id);
CREATE INDEX bank_breaks_of_payout ON bank_breaks (payout);

-- Four eyes: nobody approves what they proposed.
CREATE TABLE bank_break_proposals (
    bank_break BYTEA NOT NULL REFERENCES bank_breaks (id),
    number BIGINT NOT NULL CHECK (number >= 1),
    action TEXT COLLATE "C" NOT NULL CHECK (action IN ('accept', 'confirm', 'charge')),
    reason TEXT COLLATE "C" NOT NULL CHECK (reason <> ''),
    proposed_by TEXT COLLATE "C" NOT NULL CHECK (proposed_by <> ''),
    proposed_at TIMESTAMP NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    decided_by TEXT COLLATE "C",
    decided_because TEXT COLLATE "C",
    decided_at TIMESTAMP,
    transaction_id BYTEA UNIQUE CHECK (octet_length(transaction_id) = 16),
    PRIMARY KEY (bank_break, number),
    CHECK (state <> 'approved' OR decided_by <> proposed_by),
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK ((state = 'rejected') = (decided_because IS NOT NULL)),
    CHECK ((state = 'approved' AND action = 'charge') = (transaction_id IS NOT NULL))
);
CREATE UNIQUE INDEX bank_break_proposals_one_open ON bank_break_proposals (bank_break)
    WHERE state = 'proposed';
CREATE INDEX bank_break_proposals_by_decision ON bank_break_proposals (decided_at);

DO $keep$
DECLARE
    place TEXT := quote_ident(current_schema());
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.payouts_go_on() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a payout keeps what was ordered, and goes on in order';
END $body$
$f$, '{schema}', place);
    EXECUTE replace($f$
CREATE FUNCTION {schema}.bank_breaks_only_forward() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a break of the bank keeps what it is about, and what was decided';
END $body$
$f$, '{schema}', place);
    EXECUTE replace($f$
CREATE FUNCTION {schema}.bank_break_proposals_close_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'a proposal keeps what was proposed, and is decided once';
END $body$
$f$, '{schema}', place);
    EXECUTE replace($f$
CREATE FUNCTION {schema}.bank_breaks_need_approval() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM {schema}.bank_break_proposals p
        WHERE p.bank_break = NEW.id AND p.state = 'approved' AND p.action = CASE NEW.state
            WHEN 'accepted' THEN 'accept' WHEN 'confirmed' THEN 'confirm' ELSE 'charge' END
    ) THEN
        RAISE EXCEPTION 'a break of the bank is decided on by a proposal that another person approved';
    END IF;
    RETURN NEW;
END $body$
$f$, '{schema}', place);
END $keep$;
REVOKE EXECUTE ON FUNCTION payouts_go_on() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION bank_breaks_only_forward() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION bank_break_proposals_close_once() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION bank_breaks_need_approval() FROM PUBLIC;
CREATE TRIGGER payouts_keep BEFORE UPDATE ON payouts FOR EACH ROW
    WHEN (NOT ((OLD.state = 'ordered' AND NEW.state IN ('accepted', 'rejected', 'paid'))
            OR (OLD.state = 'accepted' AND NEW.state IN ('rejected', 'paid'))
            OR (OLD.state = 'paid' AND NEW.state = 'returned'))
        OR (OLD.message_id, OLD.partner_id, OLD.period, OLD.number, OLD.end_to_end_id, OLD.minor, OLD.payer_account, OLD.payee_account, OLD.ordered_by, OLD.ordered_at)
        IS DISTINCT FROM
           (NEW.message_id, NEW.partner_id, NEW.period, NEW.number, NEW.end_to_end_id, NEW.minor, NEW.payer_account, NEW.payee_account, NEW.ordered_by, NEW.ordered_at))
    EXECUTE FUNCTION payouts_go_on();
CREATE TRIGGER payouts_ordered_first BEFORE INSERT ON payouts FOR EACH ROW
    WHEN (NEW.state <> 'ordered') EXECUTE FUNCTION payouts_go_on();
CREATE TRIGGER bank_breaks_keep BEFORE UPDATE ON bank_breaks FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL
        OR (OLD.id, OLD.code, OLD.payout, OLD.opened_at, OLD.due_on)
        IS DISTINCT FROM
           (NEW.id, NEW.code, NEW.payout, NEW.opened_at, NEW.due_on))
    EXECUTE FUNCTION bank_breaks_only_forward();
CREATE TRIGGER bank_breaks_decided BEFORE UPDATE ON bank_breaks FOR EACH ROW
    WHEN (NEW.state IN ('accepted', 'confirmed', 'charged') AND OLD.state <> NEW.state)
    EXECUTE FUNCTION bank_breaks_need_approval();
CREATE TRIGGER bank_breaks_open_first BEFORE INSERT ON bank_breaks FOR EACH ROW
    WHEN (NEW.state <> 'open') EXECUTE FUNCTION bank_breaks_only_forward();
CREATE TRIGGER bank_break_proposals_keep BEFORE UPDATE ON bank_break_proposals FOR EACH ROW
    WHEN (OLD.state <> 'proposed'
        OR (OLD.bank_break, OLD.number, OLD.action, OLD.reason, OLD.proposed_by, OLD.proposed_at)
        IS DISTINCT FROM
           (NEW.bank_break, NEW.number, NEW.action, NEW.reason, NEW.proposed_by, NEW.proposed_at))
    EXECUTE FUNCTION bank_break_proposals_close_once();
CREATE TRIGGER bank_break_proposals_first BEFORE INSERT ON bank_break_proposals FOR EACH ROW
    WHEN (NEW.state <> 'proposed') EXECUTE FUNCTION bank_break_proposals_close_once();
CREATE TRIGGER payouts_no_delete BEFORE DELETE ON payouts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payouts_no_truncate BEFORE TRUNCATE ON payouts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_files_append_only BEFORE UPDATE OR DELETE ON bank_files
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_files_no_truncate BEFORE TRUNCATE ON bank_files
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_entries_append_only BEFORE UPDATE OR DELETE ON bank_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_entries_no_truncate BEFORE TRUNCATE ON bank_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_moves_append_only BEFORE UPDATE OR DELETE ON payout_moves
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payout_moves_no_truncate BEFORE TRUNCATE ON payout_moves
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_breaks_no_delete BEFORE DELETE ON bank_breaks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_breaks_no_truncate BEFORE TRUNCATE ON bank_breaks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_break_proposals_no_delete BEFORE DELETE ON bank_break_proposals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_break_proposals_no_truncate BEFORE TRUNCATE ON bank_break_proposals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
