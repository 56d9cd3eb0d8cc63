-- What a key has sealed or indexed is found by the key: after a rotation for sealing anew, and before a
-- key is retired. Without these, each search reads whole tables.
CREATE INDEX personal_data_by_index_key ON personal_data (index_key_id, id);
CREATE INDEX idempotency_keys_by_key ON idempotency_keys (key_id, id) WHERE key_id IS NOT NULL;
CREATE INDEX import_parts_by_key ON import_parts (key_id, import_id, start);
CREATE INDEX import_rejects_by_key ON import_rejects (key_id, import_id, after_lines);
