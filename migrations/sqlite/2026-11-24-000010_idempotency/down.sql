DROP TABLE duplicates;
DROP TABLE business_keys;
DROP TABLE idempotency_keys;
