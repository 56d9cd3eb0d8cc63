-- Lines that were rejected for a reason that may pass (a quota of the day, a suspension) can be taken
-- later: the same file, uploaded again, is then taken in again, and goes on from the first import.
ALTER TABLE imports ADD COLUMN rejected_for_now INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN continued_by BLOB CHECK (length(continued_by) = 16);
DROP INDEX imports_once;
CREATE UNIQUE INDEX imports_once ON imports (partner_id, business_date, sha256)
    WHERE sha256 IS NOT NULL AND state <> 'failed' AND duplicate_of IS NULL AND continued_by IS NULL;
