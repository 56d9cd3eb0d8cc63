-- The reward of a conversion is held beside held events: event_id is then a hash of the referral and the
-- stage, and the transaction's receipt says why.
ALTER TABLE held_events ADD COLUMN referral_id BLOB CHECK (length(referral_id) = 16);
ALTER TABLE held_events ADD COLUMN transaction_id BLOB CHECK (length(transaction_id) = 16)
    CHECK ((referral_id IS NULL) = (transaction_id IS NULL))
    CHECK ((referral_id IS NULL) = (kind NOT LIKE 'reward.%'));
CREATE INDEX held_events_of_referral ON held_events (referral_id) WHERE referral_id IS NOT NULL;

DROP TRIGGER held_events_keep;
CREATE TRIGGER held_events_keep BEFORE UPDATE ON held_events
WHEN OLD.state <> 'open' OR OLD.event_id <> NEW.event_id OR OLD.partner_id <> NEW.partner_id
    OR OLD.kind <> NEW.kind OR OLD.hold_id IS NOT NEW.hold_id OR OLD.rule <> NEW.rule
    OR OLD.figure IS NOT NEW.figure OR OLD.limit_figure IS NOT NEW.limit_figure
    OR OLD.referral_id IS NOT NEW.referral_id OR OLD.transaction_id IS NOT NEW.transaction_id
    OR OLD.recorded_at <> NEW.recorded_at BEGIN
    SELECT RAISE(ABORT, 'a held event keeps why it is held, and is decided on once');
END;
