-- Customers who agreed to be contacted by the bank: where the sealed contact data is, and by which
-- consent. A row goes when the consent does.
CREATE TABLE customer_contacts (
    customer_id BLOB NOT NULL PRIMARY KEY REFERENCES customers (id),
    -- Of personal_data.
    personal_id BLOB NOT NULL CHECK (length(personal_id) = 16),
    consent_id BLOB NOT NULL REFERENCES consents (id),
    region TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which customers were held against which behaviour rule for which months: once each.
CREATE TABLE behaviour_evaluations (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    rule TEXT NOT NULL,
    period TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('lead', 'below', 'refused')),
    evaluated_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, rule, period)
) STRICT, WITHOUT ROWID;
