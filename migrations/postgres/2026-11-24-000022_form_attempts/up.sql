-- Sign-ins to a partner's form that were not good, so that a PIN cannot be guessed by trying on
-- several gateways.
CREATE TABLE form_attempts (
    partner_id TEXT COLLATE "C" PRIMARY KEY,
    failures BIGINT NOT NULL CHECK (failures >= 0),
    tried_at TIMESTAMP NOT NULL,
    locked_until TIMESTAMP NOT NULL
);
