-- Payments that await people's decision: their discount or waiver is not what was agreed. Written
-- in the event's own transaction; its receipt says what was given and what was allowed.
CREATE TABLE flagged_payments (
    event_id BYTEA PRIMARY KEY CHECK (octet_length(event_id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    recorded_at TIMESTAMP NOT NULL
);
CREATE INDEX flagged_payments_in_order ON flagged_payments (recorded_at, event_id);
CREATE INDEX flagged_payments_by_partner ON flagged_payments (partner_id, recorded_at, event_id);

CREATE TRIGGER flagged_payments_append_only BEFORE UPDATE OR DELETE ON flagged_payments
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER flagged_payments_no_truncate BEFORE TRUNCATE ON flagged_payments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
