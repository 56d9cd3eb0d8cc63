-- What partners are charged, because points of payments that they refunded had been spent: for each
-- customer, partner and price, the points charged so far and those that the customer has repaid. value is
-- what the partner bears of it now, in fen.
CREATE TABLE refund_charges (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    partner_id TEXT NOT NULL,
    -- CNY for 1.00 points, as a decimal number.
    price TEXT NOT NULL,
    charged INTEGER NOT NULL CHECK (charged > 0),
    repaid INTEGER NOT NULL CHECK (repaid >= 0 AND repaid <= charged),
    value INTEGER NOT NULL CHECK (value >= 0),
    since TEXT NOT NULL,
    PRIMARY KEY (customer_id, partner_id, price)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER refund_charges_only_forward BEFORE UPDATE ON refund_charges
    WHEN OLD.customer_id <> NEW.customer_id OR OLD.partner_id <> NEW.partner_id
        OR OLD.price <> NEW.price OR OLD.since <> NEW.since
        OR NEW.charged < OLD.charged OR NEW.repaid < OLD.repaid BEGIN
    SELECT RAISE(ABORT, 'a charge keeps what it is, and only rises');
END;
CREATE TRIGGER refund_charges_no_delete BEFORE DELETE ON refund_charges BEGIN
    SELECT RAISE(ABORT, 'refund_charges is append-only: reverse, do not change');
END;
-- The price at which points of a hold were redeemed. NULL: not redeemed, or by the release before, which
-- rounded the value of each redemption by itself.
ALTER TABLE holds ADD COLUMN price TEXT;
