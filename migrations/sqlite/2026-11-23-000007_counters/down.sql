DROP TABLE quotes;
ALTER TABLE customers DROP COLUMN tier_held_until;
ALTER TABLE customers DROP COLUMN tier;
ALTER TABLE customers DROP COLUMN birth_month;
DROP TABLE lines;
DROP TABLE counted;
DROP TABLE counters;
