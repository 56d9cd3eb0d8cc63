-- Which key a phone number was indexed with: null is the first. And whose a kept answer is, as a
-- hash of the caller's name, so that a person's answers can go when the person is erased.
ALTER TABLE personal_data ADD COLUMN index_key_id TEXT;
CREATE INDEX personal_data_by_key ON personal_data (key_id, id);
CREATE INDEX personal_data_by_age ON personal_data (recorded_at, id);
CREATE INDEX signed_contents_by_key ON signed_contents (key_id, id);
ALTER TABLE idempotency_keys ADD COLUMN caller BLOB;
CREATE INDEX idempotency_keys_by_caller ON idempotency_keys (caller) WHERE caller IS NOT NULL;
