DROP INDEX held_events_by_decision;
DROP INDEX settlements_by_decision;
DROP INDEX break_proposals_by_decision;
ALTER TABLE holds DROP COLUMN returned_value;
DROP INDEX held_events_by_rule;
ALTER TABLE held_events DROP COLUMN proposed_at;
ALTER TABLE held_events DROP COLUMN proposed_because;
ALTER TABLE held_events DROP COLUMN proposed_by;
DROP TRIGGER transactions_not_in_closed;
DROP INDEX settlements_by_cut;
CREATE INDEX settlements_by_cut ON settlements (cut_at) WHERE state = 'closed';
CREATE TRIGGER transactions_not_in_closed BEFORE INSERT ON transactions
WHEN NEW.recorded_at <= (SELECT max(cut_at) FROM settlements WHERE state = 'closed') BEGIN
    SELECT RAISE(ABORT, 'a closed month takes no more transactions');
END;
