-- The guards hold against a role that may write SQL of its own choice.
--
-- Every trigger function names the schema where it looks, and pg_temp last: PostgreSQL searches
-- temporary tables first unless pg_temp is named, and a function with its owner's rights would then
-- work on a table of the attacker's. The schema is not known before the migration runs.

DO $guards$
DECLARE
    place TEXT := quote_ident(current_schema());
    statement TEXT;
    trigger_function REGPROCEDURE;
BEGIN
    statement := $f$
CREATE OR REPLACE FUNCTION {schema}.transactions_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    INSERT INTO {schema}.transactions_to_prove (transaction_ids)
    SELECT array_agg(id) FROM added HAVING count(*) > 0;
    RETURN NULL;
END $body$
$f$;
    EXECUTE replace(statement, '{schema}', place);

    statement := $f$
CREATE OR REPLACE FUNCTION {schema}.transactions_must_balance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $body$
DECLARE
    wrong TEXT;
BEGIN
    SELECT CASE
        WHEN p.entries_found <> p.entry_count THEN 'a transaction has not as many entries as it says'
        WHEN p.accounts_found <> p.entry_count THEN 'an entry needs an account in its asset'
        ELSE 'a transaction does not sum to zero'
    END
    INTO wrong
    FROM (
        SELECT s.id, s.entry_count, COALESCE(sum(s.n), 0) AS entries_found,
            COALESCE(sum(s.k), 0) AS accounts_found, COALESCE(max(abs(s.total)), 0) AS furthest
        FROM (
            SELECT t.id, t.entry_count, count(e.seq) AS n, count(a.id) AS k, sum(e.amount) AS total
            FROM unnest(NEW.transaction_ids) AS written (id)
            JOIN {schema}.transactions t ON t.id = written.id
            LEFT JOIN {schema}.entries e ON e.transaction_id = t.id
            LEFT JOIN {schema}.accounts a ON a.id = e.account_id AND a.asset = e.asset
            GROUP BY t.id, t.entry_count, e.asset
        ) s GROUP BY s.id, s.entry_count
    ) p
    WHERE p.entries_found <> p.entry_count OR p.accounts_found <> p.entry_count OR p.furthest <> 0
    LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong;
    END IF;
    DELETE FROM {schema}.transactions_to_prove WHERE id = NEW.id;
    RETURN NULL;
END $body$
$f$;
    EXECUTE replace(statement, '{schema}', place);

    -- A transaction never has more entries than it says. SET CONSTRAINTS ALL IMMEDIATE proves a
    -- transaction at its own statement; without the count, entries could follow unproved.
    statement := $f$
CREATE OR REPLACE FUNCTION {schema}.entries_must_fit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT transaction_id FROM added) a
        WHERE (
            SELECT count(*) FROM {schema}.transactions t
            WHERE t.id = a.transaction_id AND t.xmin = pg_current_xact_id()::xid
                AND t.entry_count >= (
                    SELECT count(*) FROM {schema}.entries e
                    WHERE e.transaction_id = a.transaction_id
                )
        ) = 0
    ) THEN
        RAISE EXCEPTION 'an entry needs an open transaction: a closed one takes no more';
    END IF;
    RETURN NULL;
END $body$
$f$;
    EXECUTE replace(statement, '{schema}', place);

    statement := $f$
CREATE OR REPLACE FUNCTION {schema}.referral_moves_follow_on() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF NEW.seq > 1 AND NEW.from_state IS DISTINCT FROM (
        SELECT state FROM {schema}.referral_moves
        WHERE referral_id = NEW.referral_id AND seq = NEW.seq - 1
    ) THEN
        RAISE EXCEPTION 'a move begins where the one before it ended';
    END IF;
    RETURN NEW;
END $body$
$f$;
    EXECUTE replace(statement, '{schema}', place);

    statement := $f$
CREATE OR REPLACE FUNCTION {schema}.referrals_follow_moves() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    UPDATE {schema}.referrals SET state = NEW.state
    WHERE id = NEW.referral_id AND state <> NEW.state;
    RETURN NULL;
END $body$
$f$;
    EXECUTE replace(statement, '{schema}', place);

    -- The other trigger functions read no table, and look nowhere else either.
    FOR trigger_function IN
        SELECT p.oid::REGPROCEDURE FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = current_schema()::REGNAMESPACE
            AND p.prorettype = 'pg_catalog.trigger'::REGTYPE
            AND NOT EXISTS (
                SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e'
            )
    LOOP
        EXECUTE 'ALTER FUNCTION ' || trigger_function
            || ' SET search_path = pg_catalog, ' || place || ', pg_temp';
        -- A trigger that fires needs no right to its function; who makes a trigger does.
        EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || trigger_function || ' FROM PUBLIC';
    END LOOP;
END $guards$;

-- Whose points they are: a member stays its customer's, and a customer stays the same person's.
CREATE TRIGGER members_append_only BEFORE UPDATE OR DELETE ON members
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER members_no_truncate BEFORE TRUNCATE ON members
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER customers_keep_person BEFORE UPDATE ON customers FOR EACH ROW
    WHEN ((OLD.id, OLD.bank_subject, OLD.enrolled_at)
        IS DISTINCT FROM (NEW.id, NEW.bank_subject, NEW.enrolled_at))
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER customers_no_delete BEFORE DELETE ON customers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER customers_no_truncate BEFORE TRUNCATE ON customers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

