-- What caps, budgets and tiers count. A counter's value is the sum of what events added to it, as
-- a balance is of entries; ledger verify proves it.
CREATE TABLE counters (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counted (
    event_id BLOB NOT NULL,
    counter_id BLOB NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (event_id, counter_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER counted_no_update BEFORE UPDATE ON counted BEGIN
    SELECT RAISE(ABORT, 'counted is append-only: reverse, do not change');
END;
CREATE TRIGGER counted_no_delete BEFORE DELETE ON counted BEGIN
    SELECT RAISE(ABORT, 'counted is append-only: reverse, do not change');
END;
CREATE TRIGGER counters_no_delete BEFORE DELETE ON counters BEGIN
    SELECT RAISE(ABORT, 'counters is append-only: reverse, do not change');
END;

-- Lines of payments with the points that each brought, and of refunds (below zero), so that a
-- refund by line takes back what that line brought.
CREATE TABLE lines (
    event_id BLOB NOT NULL,
    line TEXT NOT NULL,
    amount INTEGER NOT NULL,
    points INTEGER NOT NULL,
    PRIMARY KEY (event_id, line)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER lines_no_update BEFORE UPDATE ON lines BEGIN
    SELECT RAISE(ABORT, 'lines is append-only: reverse, do not change');
END;
CREATE TRIGGER lines_no_delete BEFORE DELETE ON lines BEGIN
    SELECT RAISE(ABORT, 'lines is append-only: reverse, do not change');
END;

-- The month of the birthday alone, where the bank's identity provider tells it; the tier reached,
-- and the day of its review.
ALTER TABLE customers ADD COLUMN birth_month INTEGER CHECK (birth_month BETWEEN 1 AND 12);
ALTER TABLE customers ADD COLUMN tier TEXT;
ALTER TABLE customers ADD COLUMN tier_held_until TEXT;

-- What a till was told beforehand: a payment that names the quote in time gets this discount, whatever
-- the rules say by then.
CREATE TABLE quotes (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    scheme TEXT,
    gross INTEGER NOT NULL CHECK (gross >= 0),
    discount INTEGER NOT NULL CHECK (discount >= 0 AND discount <= gross),
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX quotes_by_expiry ON quotes (expires_at);
