-- The reward of a conversion is held beside held events: event_id is then a hash of the referral and the
-- stage, and the transaction's receipt says why.
ALTER TABLE held_events ADD COLUMN referral_id BYTEA CHECK (octet_length(referral_id) = 16);
ALTER TABLE held_events ADD COLUMN transaction_id BYTEA CHECK (octet_length(transaction_id) = 16);
ALTER TABLE held_events ADD CONSTRAINT held_events_reward_check CHECK (
    (referral_id IS NULL) = (transaction_id IS NULL)
    AND (referral_id IS NULL) = (kind NOT LIKE 'reward.%'));
CREATE INDEX held_events_of_referral ON held_events (referral_id) WHERE referral_id IS NOT NULL;

DROP TRIGGER held_events_keep ON held_events;
CREATE TRIGGER held_events_keep BEFORE UPDATE ON held_events FOR EACH ROW
    WHEN (OLD.state <> 'open'
        OR (OLD.event_id, OLD.partner_id, OLD.kind, OLD.hold_id, OLD.rule, OLD.figure,
            OLD.limit_figure, OLD.recorded_at, OLD.referral_id, OLD.transaction_id)
        IS DISTINCT FROM
           (NEW.event_id, NEW.partner_id, NEW.kind, NEW.hold_id, NEW.rule, NEW.figure,
            NEW.limit_figure, NEW.recorded_at, NEW.referral_id, NEW.transaction_id))
    EXECUTE FUNCTION held_events_only_forward();
