-- What caps, budgets and tiers count. A counter's value is the sum of what events added to it, as
-- a balance is of entries; ledger verify proves it.
CREATE TABLE counters (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    value BIGINT NOT NULL
);
ALTER TABLE counters SET (fillfactor = 70);

CREATE TABLE counted (
    event_id BYTEA NOT NULL,
    counter_id BYTEA NOT NULL,
    amount BIGINT NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (event_id, counter_id)
);

CREATE TRIGGER counted_append_only BEFORE UPDATE OR DELETE ON counted
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER counted_no_truncate BEFORE TRUNCATE ON counted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER counters_no_delete BEFORE DELETE ON counters
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER counters_no_truncate BEFORE TRUNCATE ON counters
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Lines of payments with the points that each brought, and of refunds (below zero), so that a
-- refund by line takes back what that line brought.
CREATE TABLE lines (
    event_id BYTEA NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    points BIGINT NOT NULL,
    PRIMARY KEY (event_id, line)
);
CREATE TRIGGER lines_append_only BEFORE UPDATE OR DELETE ON lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER lines_no_truncate BEFORE TRUNCATE ON lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The month of the birthday alone, where the bank's identity provider tells it; the tier reached,
-- and the day of its review.
ALTER TABLE customers ADD COLUMN birth_month BIGINT CHECK (birth_month BETWEEN 1 AND 12);
ALTER TABLE customers ADD COLUMN tier TEXT COLLATE "C";
ALTER TABLE customers ADD COLUMN tier_held_until TIMESTAMP;

-- What a till was told beforehand: a payment that names the quote in time gets this discount, whatever
-- the rules say by then.
CREATE TABLE quotes (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    scheme TEXT COLLATE "C",
    gross BIGINT NOT NULL CHECK (gross >= 0),
    discount BIGINT NOT NULL CHECK (discount >= 0 AND discount <= gross),
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX quotes_by_expiry ON quotes (expires_at);
