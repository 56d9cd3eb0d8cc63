-- Referrals that the person themself confirmed, by a token of the bank's identity provider that vouches for
-- their phone number. Nothing of the person stands here.
CREATE TABLE referral_confirmations (
    referral_id BYTEA PRIMARY KEY CHECK (octet_length(referral_id) = 16),
    confirmed_at TIMESTAMP NOT NULL
);
CREATE TRIGGER referral_confirmations_append_only BEFORE UPDATE OR DELETE ON referral_confirmations
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER referral_confirmations_no_truncate BEFORE TRUNCATE ON referral_confirmations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
