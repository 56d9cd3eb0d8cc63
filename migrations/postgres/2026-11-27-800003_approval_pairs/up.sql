-- Who approves whose corrections is counted over the last thirty days.
CREATE INDEX corrections_by_approval ON corrections (closed_at) WHERE approved_by IS NOT NULL;
