-- Customers, members, events and the double-entry ledger.
-- STRICT tables: an integer that overflows is refused instead of becoming a float.

CREATE TABLE customers (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    bank_subject TEXT UNIQUE,
    enrolled_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- id is the hash of partner and reference, so that one look-up serves both stores in bulk.
CREATE TABLE members (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    member_ref TEXT NOT NULL,
    customer_id BLOB NOT NULL REFERENCES customers (id),
    enrolled_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_customer ON members (customer_id);

-- id is the hash of partner and event id: the primary key is the permanent idempotency.
-- amount is what was paid, refunded or asked for, by type. transaction_id and customer_id have no
-- foreign keys: they would cost more than all else in the row, and ledger verify proves them.
CREATE TABLE events (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    body TEXT NOT NULL,
    transaction_id BLOB NOT NULL,
    customer_id BLOB,
    refers_to BLOB REFERENCES events (id),
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    effective_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_refers_to ON events (refers_to) WHERE refers_to IS NOT NULL;

-- Immutable but for balance, which ledger verify proves from the entries.
CREATE TABLE accounts (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    code TEXT NOT NULL,
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('bank', 'partner', 'customer')),
    owner TEXT NOT NULL,
    asset TEXT NOT NULL,
    balance INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE transactions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    entry_count INTEGER NOT NULL CHECK (entry_count >= 0),
    receipt TEXT NOT NULL,
    effective_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT;

-- Entries are written first, their transaction closes them, balances come last: hence the
-- deferred keys. lot_id names
-- the lot that an entry on a customer's points moves.
CREATE TABLE entries (
    transaction_id BLOB NOT NULL REFERENCES transactions (id) DEFERRABLE INITIALLY DEFERRED,
    seq INTEGER NOT NULL CHECK (seq >= 0),
    account_id BLOB NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
    lot_id BLOB,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    rule TEXT NOT NULL,
    effective_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (transaction_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_account ON entries (account_id, transaction_id);

CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'events is append-only: reverse, do not change');
END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'events is append-only: reverse, do not change');
END;
CREATE TRIGGER transactions_no_update BEFORE UPDATE ON transactions BEGIN
    SELECT RAISE(ABORT, 'transactions is append-only: reverse, do not change');
END;
CREATE TRIGGER transactions_no_delete BEFORE DELETE ON transactions BEGIN
    SELECT RAISE(ABORT, 'transactions is append-only: reverse, do not change');
END;
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN
    SELECT RAISE(ABORT, 'entries is append-only: reverse, do not change');
END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN
    SELECT RAISE(ABORT, 'entries is append-only: reverse, do not change');
END;
CREATE TRIGGER accounts_only_balance
    BEFORE UPDATE OF id, code, owner_kind, owner, asset ON accounts BEGIN
    SELECT RAISE(ABORT, 'accounts change only in their balance');
END;
CREATE TRIGGER accounts_no_delete BEFORE DELETE ON accounts BEGIN
    SELECT RAISE(ABORT, 'accounts is append-only: reverse, do not change');
END;

-- INSERT OR REPLACE deletes without firing delete triggers unless recursive_triggers is on;
-- these refuse the second row of a key before that can happen.
CREATE TRIGGER transactions_no_replace BEFORE INSERT ON transactions
WHEN EXISTS (SELECT 1 FROM transactions WHERE id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'transactions is append-only: reverse, do not change');
END;

CREATE TRIGGER transactions_balance BEFORE INSERT ON transactions BEGIN
    SELECT RAISE(ABORT, 'a transaction has not as many entries as it says')
    WHERE NEW.entry_count <>
        (SELECT count(*) FROM entries WHERE transaction_id = NEW.id);
    SELECT RAISE(ABORT, 'a transaction does not sum to zero')
    WHERE EXISTS (
        SELECT 1 FROM entries WHERE transaction_id = NEW.id
        GROUP BY asset HAVING sum(amount) <> 0
    );
END;
CREATE TRIGGER entries_fit BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM transactions WHERE id = NEW.transaction_id) BEGIN
    SELECT RAISE(ABORT, 'a closed transaction takes no more entries');
END;
