DROP TRIGGER held_events_keep;
CREATE TRIGGER held_events_keep BEFORE UPDATE ON held_events
WHEN OLD.state <> 'open' OR OLD.event_id <> NEW.event_id OR OLD.partner_id <> NEW.partner_id
    OR OLD.kind <> NEW.kind OR OLD.hold_id IS NOT NEW.hold_id OR OLD.rule <> NEW.rule
    OR OLD.figure IS NOT NEW.figure OR OLD.limit_figure IS NOT NEW.limit_figure
    OR OLD.recorded_at <> NEW.recorded_at BEGIN
    SELECT RAISE(ABORT, 'a held event keeps why it is held, and is decided on once');
END;
DROP INDEX held_events_of_referral;
ALTER TABLE held_events DROP COLUMN transaction_id;
ALTER TABLE held_events DROP COLUMN referral_id;
