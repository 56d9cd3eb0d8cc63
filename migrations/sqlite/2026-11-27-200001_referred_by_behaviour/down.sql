DROP INDEX referrals_by_behaviour;
ALTER TABLE referrals DROP COLUMN person_id;
