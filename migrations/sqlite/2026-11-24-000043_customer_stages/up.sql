-- How far a customer has come with the bank: aware, considering, using, at risk. The last move says
-- it; look_at is when it is reckoned again.
CREATE TABLE customer_stages (
    customer_id BLOB NOT NULL PRIMARY KEY REFERENCES customers (id),
    stage TEXT NOT NULL CHECK (stage IN ('aware', 'considering', 'using', 'at_risk')),
    since TEXT NOT NULL,
    look_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_stages_to_look_at ON customer_stages (look_at);
CREATE INDEX customer_stages_by_stage ON customer_stages (stage, customer_id);

CREATE TABLE customer_stage_moves (
    customer_id BLOB NOT NULL REFERENCES customers (id),
    seq INTEGER NOT NULL CHECK (seq > 0),
    from_stage TEXT,
    stage TEXT NOT NULL CHECK (stage IN ('aware', 'considering', 'using', 'at_risk')),
    says TEXT NOT NULL CHECK (says <> ''),
    says_zh TEXT NOT NULL CHECK (says_zh <> ''),
    moved_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, seq),
    CHECK ((seq = 1) = (from_stage IS NULL)),
    CHECK (from_stage IS NOT stage)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER customer_stage_moves_no_update BEFORE UPDATE ON customer_stage_moves BEGIN
    SELECT RAISE(ABORT, 'customer_stage_moves is append-only: reverse, do not change');
END;
CREATE TRIGGER customer_stage_moves_no_delete BEFORE DELETE ON customer_stage_moves BEGIN
    SELECT RAISE(ABORT, 'customer_stage_moves is append-only: reverse, do not change');
END;

-- Moves of referrals that nobody has followed up yet: a row goes when its tasks are made or closed.
CREATE TABLE follow_ups (
    referral_id BLOB NOT NULL REFERENCES referrals (id),
    seq INTEGER NOT NULL,
    PRIMARY KEY (referral_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO follow_ups
    SELECT m.referral_id, MAX(m.seq) FROM referral_moves m JOIN referrals r ON r.id = m.referral_id
    WHERE r.state IN ('qualified', 'sent', 'contacted') GROUP BY m.referral_id;
