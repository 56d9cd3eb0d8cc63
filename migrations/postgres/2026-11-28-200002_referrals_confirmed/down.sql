DROP TABLE referral_confirmations;
