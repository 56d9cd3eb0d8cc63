-- Who was introduced, what they agreed to, and what the CRM is to be told.

-- The only personal data there is: AES-256-GCM, the key's id beside it, and a keyed hash of the
-- phone number for look-up. Rows may be deleted (erasure) without touching the ledger.
CREATE TABLE personal_data (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    key_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    phone_index BYTEA NOT NULL CHECK (octet_length(phone_index) = 32),
    recorded_at TIMESTAMP NOT NULL
);
CREATE INDEX personal_data_by_phone ON personal_data (phone_index);

CREATE TABLE consents (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    partner_id TEXT COLLATE "C" NOT NULL,
    purpose TEXT NOT NULL,
    text_version TEXT NOT NULL,
    text_sha256 BYTEA NOT NULL CHECK (octet_length(text_sha256) = 32),
    channel TEXT NOT NULL,
    evidence TEXT NOT NULL,
    given_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    withdrawn_at TIMESTAMP
);

CREATE TABLE referrals (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    event_id BYTEA NOT NULL UNIQUE REFERENCES events (id),
    partner_id TEXT COLLATE "C" NOT NULL,
    customer_id BYTEA REFERENCES customers (id),
    product TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    region TEXT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    reasons TEXT NOT NULL,
    consent_id BYTEA REFERENCES consents (id),
    effective_at TIMESTAMP NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    -- A referral that becomes a lead has a consent: the database holds it too.
    CHECK (state NOT IN ('qualified', 'sent') OR consent_id IS NOT NULL)
);
CREATE INDEX referrals_by_partner ON referrals (partner_id, id);

CREATE TABLE outbox (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    referral_id BYTEA NOT NULL UNIQUE REFERENCES referrals (id),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts BIGINT NOT NULL,
    next_attempt_at TIMESTAMP NOT NULL,
    lease_until TIMESTAMP,
    lease_holder BYTEA,
    last_error TEXT,
    crm_id TEXT,
    recorded_at TIMESTAMP NOT NULL,
    delivered_at TIMESTAMP
);
CREATE INDEX outbox_waiting ON outbox (next_attempt_at) WHERE state = 'waiting';
