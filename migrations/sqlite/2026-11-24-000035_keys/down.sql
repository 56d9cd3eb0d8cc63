DROP INDEX idempotency_keys_by_caller;
ALTER TABLE idempotency_keys DROP COLUMN caller;
DROP INDEX signed_contents_by_key;
DROP INDEX personal_data_by_age;
DROP INDEX personal_data_by_key;
ALTER TABLE personal_data DROP COLUMN index_key_id;
