-- What a person was told when they agreed (PIPL, article 23), beside what was kept of it before.
-- Null where neither the event nor a registered text said it. kinds is a JSON array.
ALTER TABLE consents ADD COLUMN recipient TEXT;
ALTER TABLE consents ADD COLUMN recipient_contact TEXT;
ALTER TABLE consents ADD COLUMN method TEXT;
ALTER TABLE consents ADD COLUMN kinds TEXT;
ALTER TABLE consents ADD COLUMN language TEXT;
ALTER TABLE consents ADD COLUMN separate INTEGER;
ALTER TABLE consents ADD COLUMN collector TEXT;

-- Who withdrew, and when. consents.withdrawn_at says the same for look-ups.
CREATE TABLE withdrawals (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16) REFERENCES consents (id),
    by_kind TEXT NOT NULL CHECK (by_kind IN ('customer', 'partner', 'staff', 'program')),
    by_whom TEXT NOT NULL,
    reason TEXT,
    withdrawn_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER withdrawals_no_update BEFORE UPDATE ON withdrawals BEGIN
    SELECT RAISE(ABORT, 'withdrawals is append-only: reverse, do not change');
END;
CREATE TRIGGER withdrawals_no_delete BEFORE DELETE ON withdrawals BEGIN
    SELECT RAISE(ABORT, 'withdrawals is append-only: reverse, do not change');
END;

CREATE INDEX referrals_by_person ON referrals (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX referrals_by_consent ON referrals (consent_id) WHERE consent_id IS NOT NULL;
