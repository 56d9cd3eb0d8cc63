-- Who was introduced, what they agreed to, and what the CRM is to be told.

-- The only personal data there is: AES-256-GCM, the key's id beside it, and a keyed hash of the
-- phone number for look-up. Rows may be deleted (erasure) without touching the ledger.
CREATE TABLE personal_data (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    phone_index BLOB NOT NULL CHECK (length(phone_index) = 32),
    recorded_at TEXT NOT NULL
) STRICT;
CREATE INDEX personal_data_by_phone ON personal_data (phone_index);

CREATE TABLE consents (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    text_version TEXT NOT NULL,
    text_sha256 BLOB NOT NULL CHECK (length(text_sha256) = 32),
    channel TEXT NOT NULL,
    evidence TEXT NOT NULL,
    given_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    withdrawn_at TEXT
) STRICT;

CREATE TABLE referrals (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    event_id BLOB NOT NULL UNIQUE REFERENCES events (id),
    partner_id TEXT NOT NULL,
    customer_id BLOB REFERENCES customers (id),
    product TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    region TEXT NOT NULL,
    state TEXT NOT NULL,
    reasons TEXT NOT NULL,
    consent_id BLOB REFERENCES consents (id),
    effective_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    -- A referral that becomes a lead has a consent: the database holds it too.
    CHECK (state NOT IN ('qualified', 'sent') OR consent_id IS NOT NULL)
) STRICT;
CREATE INDEX referrals_by_partner ON referrals (partner_id, id);

CREATE TABLE outbox (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    referral_id BLOB NOT NULL UNIQUE REFERENCES referrals (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts INTEGER NOT NULL,
    next_attempt_at TEXT NOT NULL,
    lease_until TEXT,
    lease_holder BLOB,
    last_error TEXT,
    crm_id TEXT,
    recorded_at TEXT NOT NULL,
    delivered_at TEXT
) STRICT;
CREATE INDEX outbox_waiting ON outbox (next_attempt_at) WHERE state = 'waiting';
