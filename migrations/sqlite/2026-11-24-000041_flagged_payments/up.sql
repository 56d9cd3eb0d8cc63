-- Payments that await people's decision: their discount or waiver is not what was agreed. Written
-- in the event's own transaction; its receipt says what was given and what was allowed.
CREATE TABLE flagged_payments (
    event_id BLOB NOT NULL PRIMARY KEY CHECK (length(event_id) = 16),
    partner_id TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX flagged_payments_in_order ON flagged_payments (recorded_at, event_id);
CREATE INDEX flagged_payments_by_partner ON flagged_payments (partner_id, recorded_at, event_id);

CREATE TRIGGER flagged_payments_no_update BEFORE UPDATE ON flagged_payments BEGIN
    SELECT RAISE(ABORT, 'flagged_payments is append-only');
END;
CREATE TRIGGER flagged_payments_no_delete BEFORE DELETE ON flagged_payments BEGIN
    SELECT RAISE(ABORT, 'flagged_payments is append-only');
END;
