-- What becomes of a referral: every move with its time, who made it and why, appended for ever;
-- what it has been rewarded with so far; and what a lead is to be told beside the person.

ALTER TABLE referrals ADD COLUMN terms TEXT;
ALTER TABLE referrals ADD COLUMN score BIGINT;
ALTER TABLE referrals ADD COLUMN next_step TEXT;
ALTER TABLE referrals ADD COLUMN branch_id TEXT COLLATE "C";
ALTER TABLE referrals ADD COLUMN manager_id TEXT COLLATE "C";
-- When it expires if nothing comes of it; a referral on hold never does.
ALTER TABLE referrals ADD COLUMN expires_at TIMESTAMP;
CREATE INDEX referrals_by_state ON referrals (state, id);
CREATE INDEX referrals_by_partner_and_state ON referrals (partner_id, state, id);
CREATE INDEX referrals_to_expire ON referrals (expires_at)
    WHERE state IN ('qualified', 'sent', 'contacted');

CREATE TABLE referral_moves (
    referral_id BYTEA NOT NULL REFERENCES referrals (id),
    seq BIGINT NOT NULL CHECK (seq > 0),
    from_state TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL
        CHECK (actor_kind IN ('partner', 'customer', 'staff', 'crm', 'program')),
    actor TEXT COLLATE "C" NOT NULL CHECK (actor <> ''),
    -- What the partner may read, and what only the bank's staff may.
    reason TEXT NOT NULL,
    finding TEXT,
    transaction_id BYTEA CHECK (octet_length(transaction_id) = 16),
    moved_at TIMESTAMP NOT NULL,
    PRIMARY KEY (referral_id, seq),
    CHECK ((seq = 1) = (from_state IS NULL)),
    CHECK (seq > 1 OR state = 'received')
);
CREATE INDEX referral_moves_by_transaction ON referral_moves (transaction_id)
    WHERE transaction_id IS NOT NULL;

-- Referrals from before: what is known of them.
INSERT INTO referral_moves
    SELECT id, 1, NULL, 'received', 'partner', partner_id, 'Received.', NULL, NULL, recorded_at
    FROM referrals;
INSERT INTO referral_moves
    SELECT id, 2, 'received', CASE state WHEN 'sent' THEN 'qualified' ELSE state END,
        'program', 'rules', 'Recorded before moves were.', NULL, NULL, recorded_at
    FROM referrals;
INSERT INTO referral_moves
    SELECT r.id, 3, 'qualified', 'sent', 'program', 'relay', 'The bank''s customer managers have it.',
        NULL, NULL, COALESCE(o.delivered_at, r.recorded_at)
    FROM referrals r LEFT JOIN outbox o ON o.subject = r.id AND o.kind = 'lead' WHERE r.state = 'sent';

CREATE FUNCTION referral_moves_follow_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq > 1 AND NEW.from_state IS DISTINCT FROM (
        SELECT state FROM referral_moves WHERE referral_id = NEW.referral_id AND seq = NEW.seq - 1
    ) THEN
        RAISE EXCEPTION 'a move begins where the one before it ended';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER referral_moves_in_order BEFORE INSERT ON referral_moves
    FOR EACH ROW EXECUTE FUNCTION referral_moves_follow_on();
CREATE FUNCTION referrals_follow_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE referrals SET state = NEW.state WHERE id = NEW.referral_id AND state <> NEW.state;
    RETURN NULL;
END $$;
CREATE TRIGGER referral_moves_set_state AFTER INSERT ON referral_moves
    FOR EACH ROW WHEN (NEW.seq > 1) EXECUTE FUNCTION referrals_follow_moves();
CREATE TRIGGER referral_moves_append_only BEFORE UPDATE OR DELETE ON referral_moves
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER referral_moves_no_truncate BEFORE TRUNCATE ON referral_moves
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a referral was rewarded with: one row for each reward of its terms that was given.
CREATE TABLE referral_rewards (
    referral_id BYTEA NOT NULL REFERENCES referrals (id),
    number BIGINT NOT NULL CHECK (number >= 0),
    receiver TEXT COLLATE "C" NOT NULL CHECK (receiver IN ('partner', 'customer')),
    rule TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    customer_id BYTEA,
    lot_id BYTEA CHECK (octet_length(lot_id) = 16),
    counter_id BYTEA CHECK (octet_length(counter_id) = 16),
    transaction_id BYTEA NOT NULL CHECK (octet_length(transaction_id) = 16),
    -- When a commission under reservation may be paid.
    matures_at TIMESTAMP,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'given', 'clawed_back')),
    PRIMARY KEY (referral_id, number),
    CHECK (state <> 'pending' OR (receiver = 'partner' AND matures_at IS NOT NULL)),
    CHECK ((receiver = 'customer') = (lot_id IS NOT NULL)),
    CHECK ((receiver = 'customer') = (customer_id IS NOT NULL))
);
CREATE INDEX referral_rewards_pending ON referral_rewards (matures_at) WHERE state = 'pending';
CREATE FUNCTION referral_rewards_change_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a reward keeps what was given, and its state goes only forward';
END $$;
CREATE TRIGGER referral_rewards_only_forward BEFORE UPDATE ON referral_rewards FOR EACH ROW
    WHEN (OLD.state = 'clawed_back' OR NEW.state = 'pending' OR
          (OLD.referral_id, OLD.number, OLD.receiver, OLD.rule, OLD.amount, OLD.customer_id,
           OLD.lot_id, OLD.counter_id, OLD.transaction_id, OLD.matures_at)
        IS DISTINCT FROM
          (NEW.referral_id, NEW.number, NEW.receiver, NEW.rule, NEW.amount, NEW.customer_id,
           NEW.lot_id, NEW.counter_id, NEW.transaction_id, NEW.matures_at))
    EXECUTE FUNCTION referral_rewards_change_only_forward();
CREATE TRIGGER referral_rewards_no_delete BEFORE DELETE ON referral_rewards
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER referral_rewards_no_truncate BEFORE TRUNCATE ON referral_rewards
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
