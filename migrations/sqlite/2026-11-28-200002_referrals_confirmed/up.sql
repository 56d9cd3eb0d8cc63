-- Referrals that the person themself confirmed, by a token of the bank's identity provider that vouches for
-- their phone number. Nothing of the person stands here.
CREATE TABLE referral_confirmations (
    referral_id BLOB NOT NULL PRIMARY KEY CHECK (length(referral_id) = 16),
    confirmed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER referral_confirmations_no_update BEFORE UPDATE ON referral_confirmations BEGIN
    SELECT RAISE(ABORT, 'referral_confirmations is append-only: reverse, do not change');
END;
CREATE TRIGGER referral_confirmations_no_delete BEFORE DELETE ON referral_confirmations BEGIN
    SELECT RAISE(ABORT, 'referral_confirmations is append-only: reverse, do not change');
END;
