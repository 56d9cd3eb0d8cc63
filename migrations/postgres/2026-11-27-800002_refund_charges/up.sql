-- What partners are charged, because points of payments that they refunded had been spent: for each
-- customer, partner and price, the points charged so far and those that the customer has repaid. value is
-- what the partner bears of it now, in fen.
CREATE TABLE refund_charges (
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    partner_id TEXT COLLATE "C" NOT NULL,
    -- CNY for 1.00 points, as a decimal number.
    price TEXT COLLATE "C" NOT NULL,
    charged BIGINT NOT NULL CHECK (charged > 0),
    repaid BIGINT NOT NULL CHECK (repaid >= 0 AND repaid <= charged),
    value BIGINT NOT NULL CHECK (value >= 0),
    since TIMESTAMP NOT NULL,
    PRIMARY KEY (customer_id, partner_id, price)
);
CREATE TRIGGER refund_charges_only_forward BEFORE UPDATE ON refund_charges FOR EACH ROW
    WHEN ((OLD.customer_id, OLD.partner_id, OLD.price, OLD.since)
        IS DISTINCT FROM (NEW.customer_id, NEW.partner_id, NEW.price, NEW.since)
        OR NEW.charged < OLD.charged OR NEW.repaid < OLD.repaid)
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refund_charges_no_delete BEFORE DELETE ON refund_charges
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refund_charges_no_truncate BEFORE TRUNCATE ON refund_charges
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- The price at which points of a hold were redeemed. NULL: not redeemed, or by the release before, which
-- rounded the value of each redemption by itself.
ALTER TABLE holds ADD COLUMN price TEXT COLLATE "C";
