-- The customer who is the person of a referral that the bank itself made of their behaviour. By it
-- an erasure or a withdrawal of the customer finds the lead. customer_id stays the member whom a
-- partner named.
ALTER TABLE referrals ADD COLUMN person_id BYTEA CHECK (person_id IS NULL OR octet_length(person_id) = 16);
CREATE INDEX referrals_by_behaviour ON referrals (person_id) WHERE person_id IS NOT NULL;
