DROP TRIGGER held_events_keep ON held_events;
CREATE TRIGGER held_events_keep BEFORE UPDATE ON held_events FOR EACH ROW
    WHEN (OLD.state <> 'open'
        OR (OLD.event_id, OLD.partner_id, OLD.kind, OLD.hold_id, OLD.rule, OLD.figure,
            OLD.limit_figure, OLD.recorded_at)
        IS DISTINCT FROM
           (NEW.event_id, NEW.partner_id, NEW.kind, NEW.hold_id, NEW.rule, NEW.figure,
            NEW.limit_figure, NEW.recorded_at))
    EXECUTE FUNCTION held_events_only_forward();
DROP INDEX held_events_of_referral;
ALTER TABLE held_events DROP CONSTRAINT held_events_reward_check;
ALTER TABLE held_events DROP COLUMN transaction_id, DROP COLUMN referral_id;
