-- What a person was told when they agreed (PIPL, article 23), beside what was kept of it before.
-- Null where neither the event nor a registered text said it. kinds is a JSON array.
ALTER TABLE consents ADD COLUMN recipient TEXT;
ALTER TABLE consents ADD COLUMN recipient_contact TEXT;
ALTER TABLE consents ADD COLUMN method TEXT;
ALTER TABLE consents ADD COLUMN kinds TEXT;
ALTER TABLE consents ADD COLUMN language TEXT;
ALTER TABLE consents ADD COLUMN separate INTEGER;
ALTER TABLE consents ADD COLUMN collector TEXT;

-- What was agreed to stays as it was recorded. It is withdrawn once; where the proof is may be
-- cleared when its period is over, and becomes nothing else.
CREATE TRIGGER consents_only_forward BEFORE UPDATE ON consents
WHEN OLD.id IS NOT NEW.id OR OLD.partner_id IS NOT NEW.partner_id OR OLD.purpose IS NOT
    NEW.purpose OR OLD.text_version IS NOT NEW.text_version OR OLD.text_sha256 IS NOT
    NEW.text_sha256 OR OLD.channel IS NOT NEW.channel OR OLD.given_at IS NOT NEW.given_at OR
    OLD.recipient IS NOT NEW.recipient OR OLD.recipient_contact IS NOT NEW.recipient_contact OR
    OLD.method IS NOT NEW.method OR OLD.kinds IS NOT NEW.kinds OR OLD.language IS NOT
    NEW.language OR OLD.separate IS NOT NEW.separate
    OR (OLD.evidence IS NOT NEW.evidence AND NEW.evidence <> '')
    OR (OLD.collector IS NOT NEW.collector AND NEW.collector IS NOT NULL)
    OR (OLD.withdrawn_at IS NOT NULL AND OLD.withdrawn_at IS NOT NEW.withdrawn_at) BEGIN
    SELECT RAISE(ABORT, 'consents stay as they were given');
END;

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
