-- Customers who are handed over from the bank's app to the wallet. The link's secret is kept as its hash only.
CREATE TABLE hand_overs (
    secret_hash BLOB NOT NULL PRIMARY KEY CHECK (length(secret_hash) = 32),
    subject TEXT NOT NULL CHECK (subject <> ''),
    ends_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX hand_overs_of_subject ON hand_overs (subject, ends_at);
CREATE INDEX hand_overs_ends ON hand_overs (ends_at);

-- Which customers are signed in at the wallet. The cookie's secret is kept as its hash only.
CREATE TABLE wallet_sessions (
    secret_hash BLOB NOT NULL PRIMARY KEY CHECK (length(secret_hash) = 32),
    subject TEXT NOT NULL CHECK (subject <> ''),
    began_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    CHECK (began_at <= seen_at AND began_at < ends_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX wallet_sessions_of_subject ON wallet_sessions (subject, began_at);
CREATE INDEX wallet_sessions_ends ON wallet_sessions (ends_at);
