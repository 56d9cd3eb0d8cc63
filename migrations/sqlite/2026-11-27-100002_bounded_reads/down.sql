DROP TABLE write_probe;
DROP TRIGGER referral_moves_keep_data;
DROP INDEX personal_data_to_erase;
ALTER TABLE personal_data DROP COLUMN kept;
DROP INDEX referral_rewards_by_transaction;
DROP INDEX outbox_by_destination;
DROP INDEX consents_with_evidence;
