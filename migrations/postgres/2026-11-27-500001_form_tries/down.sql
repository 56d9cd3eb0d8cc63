DROP TABLE form_tries;
CREATE TABLE form_attempts (
    partner_id TEXT COLLATE "C" PRIMARY KEY,
    failures BIGINT NOT NULL CHECK (failures >= 0),
    tried_at TIMESTAMP NOT NULL,
    locked_until TIMESTAMP NOT NULL
);
