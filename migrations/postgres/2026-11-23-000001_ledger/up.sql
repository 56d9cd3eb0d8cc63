-- Customers, members, events and the double-entry ledger.

CREATE TABLE customers (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    bank_subject TEXT COLLATE "C" UNIQUE,
    enrolled_at TIMESTAMP NOT NULL
);

-- id is the hash of partner and reference, so that one look-up serves both stores in bulk.
CREATE TABLE members (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    member_ref TEXT COLLATE "C" NOT NULL,
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    enrolled_at TIMESTAMP NOT NULL
);
CREATE INDEX members_by_customer ON members (customer_id);

-- id is the hash of partner and event id: the primary key is the permanent idempotency.
-- amount is what was paid, refunded or asked for, by type. transaction_id and customer_id have no
-- foreign keys: they would cost more than all else in the row, and ledger verify proves them.
CREATE TABLE events (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    body TEXT NOT NULL,
    transaction_id BYTEA NOT NULL,
    customer_id BYTEA,
    refers_to BYTEA REFERENCES events (id),
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    effective_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL
);
CREATE INDEX events_by_refers_to ON events (refers_to) WHERE refers_to IS NOT NULL;

-- Immutable but for balance, which ledger verify proves from the entries.
CREATE TABLE accounts (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    code TEXT COLLATE "C" NOT NULL,
    owner_kind TEXT COLLATE "C" NOT NULL CHECK (owner_kind IN ('bank', 'partner', 'customer')),
    owner TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    balance BIGINT NOT NULL
);
-- Balances change with nearly every event: leave room to update rows in place.
ALTER TABLE accounts SET (fillfactor = 70);

CREATE TABLE transactions (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    kind TEXT COLLATE "C" NOT NULL,
    entry_count BIGINT NOT NULL CHECK (entry_count >= 0),
    receipt TEXT NOT NULL,
    effective_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL
);

-- lot_id names the lot that an entry on a customer's points moves. That transaction and account
-- exist is checked by the triggers below: a foreign key would lock their rows for every entry.
CREATE TABLE entries (
    transaction_id BYTEA NOT NULL,
    seq BIGINT NOT NULL CHECK (seq >= 0),
    account_id BYTEA NOT NULL,
    lot_id BYTEA,
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount <> 0),
    rule TEXT COLLATE "C" NOT NULL,
    effective_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    PRIMARY KEY (transaction_id, seq)
);
CREATE INDEX entries_by_account ON entries (account_id, transaction_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: reverse, do not change', TG_TABLE_NAME;
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transactions_append_only BEFORE UPDATE OR DELETE ON transactions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transactions_no_truncate BEFORE TRUNCATE ON transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION accounts_change_only_in_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'accounts change only in their balance';
END $$;
CREATE TRIGGER accounts_only_balance BEFORE UPDATE ON accounts FOR EACH ROW
    WHEN ((OLD.id, OLD.code, OLD.owner_kind, OLD.owner, OLD.asset)
        IS DISTINCT FROM (NEW.id, NEW.code, NEW.owner_kind, NEW.owner, NEW.asset))
    EXECUTE FUNCTION accounts_change_only_in_balance();
CREATE TRIGGER accounts_no_delete BEFORE DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounts_no_truncate BEFORE TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A transaction is written first, its entries after it; when the database's own transaction
-- commits, each must have as many as it says, on accounts of their asset, summing to zero in each.
-- One deferred check for all that a statement wrote: one for each row would cost as much as
-- writing it. Rows of this table never outlive the transaction that wrote them.
CREATE UNLOGGED TABLE transactions_to_prove (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_ids BYTEA[] NOT NULL
);
CREATE FUNCTION transactions_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO transactions_to_prove (transaction_ids)
    SELECT array_agg(id) FROM added HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER transactions_noted AFTER INSERT ON transactions
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_note();

CREATE FUNCTION transactions_must_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
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
            JOIN transactions t ON t.id = written.id
            LEFT JOIN entries e ON e.transaction_id = t.id
            LEFT JOIN accounts a ON a.id = e.account_id AND a.asset = e.asset
            GROUP BY t.id, t.entry_count, e.asset
        ) s GROUP BY s.id, s.entry_count
    ) p
    WHERE p.entries_found <> p.entry_count OR p.accounts_found <> p.entry_count OR p.furthest <> 0
    LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong;
    END IF;
    DELETE FROM transactions_to_prove WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER transactions_balance AFTER INSERT ON transactions_to_prove
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION transactions_must_balance();

-- Whose row was written by this very database transaction is still open; any other is closed.
-- Look-ups row by row on purpose: joined as sets, PostgreSQL may plan to read all transactions for
-- each statement, because it knows nothing of the size of a transition table.
CREATE FUNCTION entries_must_fit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT transaction_id FROM added) a
        WHERE (
            SELECT count(*) FROM transactions t
            WHERE t.id = a.transaction_id AND t.xmin = pg_current_xact_id()::xid
        ) = 0
    ) THEN
        RAISE EXCEPTION 'an entry needs an open transaction: a closed one takes no more';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_fit AFTER INSERT ON entries
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION entries_must_fit();
