-- A redemption beyond the programme's limit waits for its customer: awaited, then confirmed or declined, by
-- a transaction of its own. NULL: nobody was asked.
ALTER TABLE holds ADD COLUMN confirmation TEXT
    CHECK (confirmation IN ('awaited', 'confirmed', 'declined'));
ALTER TABLE holds ADD COLUMN confirmation_id BLOB CHECK (length(confirmation_id) = 16);
CREATE UNIQUE INDEX holds_confirmed_by ON holds (confirmation_id) WHERE confirmation_id IS NOT NULL;
CREATE INDEX holds_awaiting ON holds (customer_id, recorded_at)
    WHERE confirmation = 'awaited' AND state = 'held';

CREATE TRIGGER holds_confirmation BEFORE UPDATE ON holds
WHEN (NEW.state = 'committed' AND NEW.confirmation IN ('awaited', 'declined'))
    OR ((OLD.confirmation IS NOT NEW.confirmation OR OLD.confirmation_id IS NOT NEW.confirmation_id)
        AND (OLD.confirmation IS NOT 'awaited' OR OLD.state <> 'held'
            OR (NEW.confirmation <> 'awaited') <> (NEW.confirmation_id IS NOT NULL))) BEGIN
    SELECT RAISE(ABORT, 'a hold that waits for its customer is committed once they confirmed it, and they answer once');
END;
