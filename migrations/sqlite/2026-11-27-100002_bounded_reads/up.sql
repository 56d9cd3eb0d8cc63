-- Each query that runs again and again reads only the rows that it needs, however long the history.

-- Consents whose evidence can still be cleared.
CREATE INDEX consents_with_evidence ON consents (recorded_at) WHERE evidence <> '';
-- The messages of one endpoint in one state, newest first.
CREATE INDEX outbox_by_destination ON outbox (destination, state, position);
-- The rewards that a transaction gave.
CREATE INDEX referral_rewards_by_transaction ON referral_rewards (transaction_id);

-- The contact data of a referral that converted is kept: 1. Triggers set it, so that the search for
-- data beyond its period never passes the data that is kept.
ALTER TABLE personal_data ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1));
UPDATE personal_data SET kept = 1
WHERE id IN (SELECT id FROM referrals WHERE state IN ('converted', 'rewarded'));
CREATE INDEX personal_data_to_erase ON personal_data (recorded_at, id) WHERE kept = 0;

-- Written before a gateway says that it is ready: a full disk and a read-only database show here.
CREATE TABLE write_probe (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    filler BLOB NOT NULL
) STRICT;
INSERT INTO write_probe (id, filler) VALUES (1, x'');

CREATE TRIGGER referral_moves_keep_data AFTER INSERT ON referral_moves
WHEN NEW.state IN ('converted', 'rewarded') OR NEW.from_state IN ('converted', 'rewarded') BEGIN
    UPDATE personal_data
    SET kept = CASE WHEN NEW.state IN ('converted', 'rewarded') THEN 1 ELSE 0 END
    WHERE id = NEW.referral_id;
END;
