-- What becomes of a referral: every move with its time, who made it and why, appended for ever;
-- what it has been rewarded with so far; and what a lead is to be told beside the person.

ALTER TABLE referrals ADD COLUMN terms TEXT;
ALTER TABLE referrals ADD COLUMN score INTEGER;
ALTER TABLE referrals ADD COLUMN next_step TEXT;
ALTER TABLE referrals ADD COLUMN branch_id TEXT;
ALTER TABLE referrals ADD COLUMN manager_id TEXT;
-- When it expires if nothing comes of it; a referral on hold never does.
ALTER TABLE referrals ADD COLUMN expires_at TEXT;
CREATE INDEX referrals_by_state ON referrals (state, id);
CREATE INDEX referrals_by_partner_and_state ON referrals (partner_id, state, id);
CREATE INDEX referrals_to_expire ON referrals (expires_at)
    WHERE state IN ('qualified', 'sent', 'contacted');

CREATE TABLE referral_moves (
    referral_id BLOB NOT NULL REFERENCES referrals (id),
    seq INTEGER NOT NULL CHECK (seq > 0),
    from_state TEXT,
    state TEXT NOT NULL,
    actor_kind TEXT NOT NULL
        CHECK (actor_kind IN ('partner', 'customer', 'staff', 'crm', 'program')),
    actor TEXT NOT NULL CHECK (actor <> ''),
    -- What the partner may read, and what only the bank's staff may.
    reason TEXT NOT NULL,
    finding TEXT,
    transaction_id BLOB CHECK (length(transaction_id) = 16),
    moved_at TEXT NOT NULL,
    PRIMARY KEY (referral_id, seq),
    CHECK ((seq = 1) = (from_state IS NULL)),
    CHECK (seq > 1 OR state = 'received')
) STRICT, WITHOUT ROWID;
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

CREATE TRIGGER referral_moves_in_order BEFORE INSERT ON referral_moves
WHEN NEW.seq > 1 AND NEW.from_state IS NOT (
    SELECT state FROM referral_moves WHERE referral_id = NEW.referral_id AND seq = NEW.seq - 1
) BEGIN
    SELECT RAISE(ABORT, 'a move begins where the one before it ended');
END;
CREATE TRIGGER referral_moves_set_state AFTER INSERT ON referral_moves WHEN NEW.seq > 1 BEGIN
    UPDATE referrals SET state = NEW.state WHERE id = NEW.referral_id AND state <> NEW.state;
END;
CREATE TRIGGER referral_moves_no_update BEFORE UPDATE ON referral_moves BEGIN
    SELECT RAISE(ABORT, 'referral_moves is append-only: reverse, do not change');
END;
CREATE TRIGGER referral_moves_no_delete BEFORE DELETE ON referral_moves BEGIN
    SELECT RAISE(ABORT, 'referral_moves is append-only: reverse, do not change');
END;

-- What a referral was rewarded with: one row for each reward of its terms that was given.
CREATE TABLE referral_rewards (
    referral_id BLOB NOT NULL REFERENCES referrals (id),
    number INTEGER NOT NULL CHECK (number >= 0),
    receiver TEXT NOT NULL CHECK (receiver IN ('partner', 'customer')),
    rule TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    customer_id BLOB,
    lot_id BLOB CHECK (length(lot_id) = 16),
    counter_id BLOB CHECK (length(counter_id) = 16),
    transaction_id BLOB NOT NULL CHECK (length(transaction_id) = 16),
    -- When a commission under reservation may be paid.
    matures_at TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'given', 'clawed_back')),
    PRIMARY KEY (referral_id, number),
    CHECK (state <> 'pending' OR (receiver = 'partner' AND matures_at IS NOT NULL)),
    CHECK ((receiver = 'customer') = (lot_id IS NOT NULL)),
    CHECK ((receiver = 'customer') = (customer_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX referral_rewards_pending ON referral_rewards (matures_at) WHERE state = 'pending';
CREATE TRIGGER referral_rewards_only_forward BEFORE UPDATE ON referral_rewards
WHEN OLD.state = 'clawed_back' OR NEW.state = 'pending'
    OR OLD.referral_id IS NOT NEW.referral_id OR OLD.number IS NOT NEW.number
    OR OLD.receiver IS NOT NEW.receiver OR OLD.rule IS NOT NEW.rule
    OR OLD.amount IS NOT NEW.amount OR OLD.customer_id IS NOT NEW.customer_id
    OR OLD.lot_id IS NOT NEW.lot_id OR OLD.counter_id IS NOT NEW.counter_id
    OR OLD.transaction_id IS NOT NEW.transaction_id OR OLD.matures_at IS NOT NEW.matures_at BEGIN
    SELECT RAISE(ABORT, 'a reward keeps what was given, and its state goes only forward');
END;
CREATE TRIGGER referral_rewards_no_delete BEFORE DELETE ON referral_rewards BEGIN
    SELECT RAISE(ABORT, 'referral_rewards is append-only: reverse, do not change');
END;
