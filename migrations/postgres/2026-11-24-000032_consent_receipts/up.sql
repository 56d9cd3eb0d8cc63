-- What a person was told when they agreed (PIPL, article 23), beside what was kept of it before.
-- Null where neither the event nor a registered text said it. kinds is a JSON array.
ALTER TABLE consents ADD COLUMN recipient TEXT COLLATE "C";
ALTER TABLE consents ADD COLUMN recipient_contact TEXT COLLATE "C";
ALTER TABLE consents ADD COLUMN method TEXT COLLATE "C";
ALTER TABLE consents ADD COLUMN kinds TEXT COLLATE "C";
ALTER TABLE consents ADD COLUMN language TEXT COLLATE "C";
ALTER TABLE consents ADD COLUMN separate BOOLEAN;
ALTER TABLE consents ADD COLUMN collector TEXT COLLATE "C";

-- What was agreed to stays as it was recorded. It is withdrawn once; where the proof is may be
-- cleared when its period is over, and becomes nothing else.
CREATE FUNCTION consents_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consents stay as they were given';
END $$;
CREATE TRIGGER consents_only_forward BEFORE UPDATE ON consents FOR EACH ROW
WHEN ((OLD.id, OLD.partner_id, OLD.purpose, OLD.text_version, OLD.text_sha256, OLD.channel, OLD.given_at, OLD.recipient, OLD.recipient_contact, OLD.method, OLD.kinds, OLD.language, OLD.separate)
    IS DISTINCT FROM (NEW.id, NEW.partner_id, NEW.purpose, NEW.text_version, NEW.text_sha256, NEW.channel, NEW.given_at, NEW.recipient, NEW.recipient_contact, NEW.method, NEW.kinds, NEW.language, NEW.separate)
    OR (OLD.evidence IS DISTINCT FROM NEW.evidence AND NEW.evidence <> '')
    OR (OLD.collector IS DISTINCT FROM NEW.collector AND NEW.collector IS NOT NULL)
    OR (OLD.withdrawn_at IS NOT NULL AND OLD.withdrawn_at IS DISTINCT FROM NEW.withdrawn_at))
    EXECUTE FUNCTION consents_stay();

-- Who withdrew, and when. consents.withdrawn_at says the same for look-ups.
CREATE TABLE withdrawals (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16) REFERENCES consents (id),
    by_kind TEXT COLLATE "C" NOT NULL CHECK (by_kind IN ('customer', 'partner', 'staff', 'program')),
    by_whom TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    withdrawn_at TIMESTAMP NOT NULL
);
CREATE TRIGGER withdrawals_append_only BEFORE UPDATE OR DELETE ON withdrawals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER withdrawals_no_truncate BEFORE TRUNCATE ON withdrawals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE INDEX referrals_by_person ON referrals (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX referrals_by_consent ON referrals (consent_id) WHERE consent_id IS NOT NULL;
