DROP INDEX import_rejects_by_key;
DROP INDEX import_parts_by_key;
DROP INDEX idempotency_keys_by_key;
DROP INDEX personal_data_by_index_key;
