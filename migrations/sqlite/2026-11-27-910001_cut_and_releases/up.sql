-- What is recorded never falls before a cut that was proposed: a writer that is late is refused, and
-- records with a later time.
DROP TRIGGER transactions_not_in_closed;
DROP INDEX settlements_by_cut;
CREATE INDEX settlements_by_cut ON settlements (cut_at) WHERE state <> 'rejected';
CREATE TRIGGER transactions_not_in_closed BEFORE INSERT ON transactions
WHEN NEW.recorded_at <= (SELECT max(cut_at) FROM settlements WHERE state <> 'rejected') BEGIN
    SELECT RAISE(ABORT, 'a closed month takes no more transactions');
END;

-- A release beyond what one person may do alone waits for a second person.
ALTER TABLE held_events ADD COLUMN proposed_by TEXT CHECK (proposed_by <> '');
ALTER TABLE held_events ADD COLUMN proposed_because TEXT;
ALTER TABLE held_events ADD COLUMN proposed_at TEXT
    CHECK ((proposed_by IS NULL) = (proposed_at IS NULL))
    CHECK (state <> 'released' OR decided_by <> proposed_by);
-- What waits is counted by partner and rule.
CREATE INDEX held_events_by_rule ON held_events (partner_id, rule, recorded_at, event_id)
    WHERE state = 'open';

-- What returns of a redemption have taken from its price, by their own rounding.
ALTER TABLE holds ADD COLUMN returned_value INTEGER NOT NULL DEFAULT 0 CHECK (returned_value >= 0);

-- Who approves what others propose is counted over the last thirty days.
CREATE INDEX break_proposals_by_decision ON break_proposals (decided_at);
CREATE INDEX settlements_by_decision ON settlements (decided_at);
CREATE INDEX held_events_by_decision ON held_events (decided_at) WHERE proposed_by IS NOT NULL;
