-- Whose referral a person is for a product, and how often a person or a partner was seen: by keyed
-- hashes only. Rows may be deleted (a referral that has ended, erasure, age) without touching the
-- ledger.
CREATE TABLE referral_claims (
    -- Of a person's phone or document, and a product: the key holds each to one referral.
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    referral_id BLOB NOT NULL REFERENCES referrals (id),
    -- Null while the referral is on hold: a hold ends by people only.
    until TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX referral_claims_by_referral ON referral_claims (referral_id);

CREATE TABLE referral_sightings (
    id BLOB NOT NULL CHECK (length(id) = 16),
    referral_id BLOB NOT NULL REFERENCES referrals (id),
    seen_at TEXT NOT NULL,
    PRIMARY KEY (id, referral_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX referral_sightings_by_time ON referral_sightings (id, seen_at);
CREATE INDEX referral_sightings_by_referral ON referral_sightings (referral_id);
CREATE INDEX referral_sightings_by_age ON referral_sightings (seen_at);

-- By which reasons a lead scores as it does, for customer managers.
ALTER TABLE referrals ADD COLUMN why TEXT;
