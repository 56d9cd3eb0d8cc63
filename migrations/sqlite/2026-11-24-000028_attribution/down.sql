ALTER TABLE referrals DROP COLUMN why;
DROP TABLE referral_sightings;
DROP TABLE referral_claims;
