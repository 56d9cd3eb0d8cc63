-- How far a customer has come with the bank: aware, considering, using, at risk. The last move says
-- it; look_at is when it is reckoned again.
CREATE TABLE customer_stages (
    customer_id BYTEA PRIMARY KEY REFERENCES customers (id),
    stage TEXT COLLATE "C" NOT NULL
        CHECK (stage IN ('aware', 'considering', 'using', 'at_risk')),
    since TIMESTAMP NOT NULL,
    look_at TIMESTAMP NOT NULL
);
CREATE INDEX customer_stages_to_look_at ON customer_stages (look_at);
CREATE INDEX customer_stages_by_stage ON customer_stages (stage, customer_id);
ALTER TABLE customer_stages SET (fillfactor = 80);

CREATE TABLE customer_stage_moves (
    customer_id BYTEA NOT NULL REFERENCES customers (id),
    seq BIGINT NOT NULL CHECK (seq > 0),
    from_stage TEXT COLLATE "C",
    stage TEXT COLLATE "C" NOT NULL
        CHECK (stage IN ('aware', 'considering', 'using', 'at_risk')),
    says TEXT NOT NULL CHECK (says <> ''),
    says_zh TEXT NOT NULL CHECK (says_zh <> ''),
    moved_at TIMESTAMP NOT NULL,
    PRIMARY KEY (customer_id, seq),
    CHECK ((seq = 1) = (from_stage IS NULL)),
    CHECK (from_stage IS DISTINCT FROM stage)
);
CREATE TRIGGER customer_stage_moves_append_only BEFORE UPDATE OR DELETE ON customer_stage_moves
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER customer_stage_moves_no_truncate BEFORE TRUNCATE ON customer_stage_moves
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Moves of referrals that nobody has followed up yet: a row goes when its tasks are made or closed.
CREATE TABLE follow_ups (
    referral_id BYTEA NOT NULL REFERENCES referrals (id),
    seq BIGINT NOT NULL,
    PRIMARY KEY (referral_id, seq)
);
INSERT INTO follow_ups
    SELECT m.referral_id, MAX(m.seq) FROM referral_moves m JOIN referrals r ON r.id = m.referral_id
    WHERE r.state IN ('qualified', 'sent', 'contacted') GROUP BY m.referral_id;
