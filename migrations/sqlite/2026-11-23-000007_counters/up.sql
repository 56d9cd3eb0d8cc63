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

-- The month of the birthday alone, where the bank's identity provider tells it; the tier reached,
-- and the day of its review.
ALTER TABLE customers ADD COLUMN birth_month INTEGER CHECK (birth_month BETWEEN 1 AND 12);
ALTER TABLE customers ADD COLUMN tier TEXT;
ALTER TABLE customers ADD COLUMN tier_held_until TEXT;
