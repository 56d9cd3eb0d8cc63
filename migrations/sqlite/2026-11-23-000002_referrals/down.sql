DROP TABLE outbox;
DROP TABLE referrals;
DROP TABLE consents;
DROP TABLE personal_data;
