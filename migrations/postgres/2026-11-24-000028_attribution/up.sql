-- Whose referral a person is for a product, and how often a person or a partner was seen: by keyed
-- hashes only. Rows may be deleted (a referral that has ended, erasure, age) without touching the
-- ledger.
CREATE TABLE referral_claims (
    -- Of a person's phone or document, and a product: the key holds each to one referral.
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    referral_id BYTEA NOT NULL REFERENCES referrals (id),
    -- Null while the referral is on hold: a hold ends by people only.
    until TIMESTAMP
);
CREATE INDEX referral_claims_by_referral ON referral_claims (referral_id);

CREATE TABLE referral_sightings (
    id BYTEA NOT NULL CHECK (octet_length(id) = 16),
    referral_id BYTEA NOT NULL REFERENCES referrals (id),
    seen_at TIMESTAMP NOT NULL,
    PRIMARY KEY (id, referral_id)
);
CREATE INDEX referral_sightings_by_time ON referral_sightings (id, seen_at);
CREATE INDEX referral_sightings_by_referral ON referral_sightings (referral_id);
CREATE INDEX referral_sightings_by_age ON referral_sightings (seen_at);

-- By which reasons a lead scores as it does, for customer managers.
ALTER TABLE referrals ADD COLUMN why TEXT;
