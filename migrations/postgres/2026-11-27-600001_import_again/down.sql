DROP INDEX imports_once;
UPDATE imports SET duplicate_of = continued_by WHERE continued_by IS NOT NULL AND duplicate_of IS NULL;
CREATE UNIQUE INDEX imports_once ON imports (partner_id, business_date, sha256)
    WHERE sha256 IS NOT NULL AND state <> 'failed' AND duplicate_of IS NULL;
ALTER TABLE imports DROP COLUMN continued_by;
ALTER TABLE imports DROP COLUMN rejected_for_now;
