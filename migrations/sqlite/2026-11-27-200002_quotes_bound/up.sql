-- A quote is a promise to one member, kept for one payment. While it is open, what it promises counts
-- against the limits and the budget of its scheme. Quotes of earlier releases promise nothing.
ALTER TABLE quotes ADD COLUMN member_id BLOB CHECK (member_id IS NULL OR length(member_id) = 16);
ALTER TABLE quotes ADD COLUMN customer_id BLOB CHECK (customer_id IS NULL OR length(customer_id) = 16);
ALTER TABLE quotes ADD COLUMN state TEXT NOT NULL DEFAULT 'ended'
    CHECK (state IN ('open', 'ended', 'kept'));
-- The payment that it was kept for.
ALTER TABLE quotes ADD COLUMN kept_by BLOB CHECK (kept_by IS NULL OR length(kept_by) = 16);
CREATE INDEX quotes_open_by_expiry ON quotes (expires_at) WHERE state = 'open';
CREATE INDEX quotes_open_by_member ON quotes (member_id) WHERE state = 'open';
