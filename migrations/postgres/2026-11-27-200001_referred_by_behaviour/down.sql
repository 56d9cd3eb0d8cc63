DROP INDEX referrals_by_person;
ALTER TABLE referrals DROP COLUMN person_id;
