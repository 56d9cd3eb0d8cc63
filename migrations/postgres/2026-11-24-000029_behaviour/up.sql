-- Customers who agreed to be contacted by the bank: where the sealed contact data is, and by which
-- consent. A row goes when the consent does.
CREATE TABLE customer_contacts (
    customer_id BYTEA PRIMARY KEY REFERENCES customers (id),
    -- Of personal_data.
    personal_id BYTEA NOT NULL CHECK (octet_length(personal_id) = 16),
    consent_id BYTEA NOT NULL REFERENCES consents (id),
    region TEXT NOT NULL,
    recorded_at TIMESTAMP NOT NULL
);

-- Which customers were held against which behaviour rule for which months: once each.
CREATE TABLE behaviour_evaluations (
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    rule TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('lead', 'below', 'refused')),
    evaluated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (customer_id, rule, period)
);
