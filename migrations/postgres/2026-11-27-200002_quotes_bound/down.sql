DROP INDEX quotes_open_by_member;
DROP INDEX quotes_open_by_expiry;
ALTER TABLE quotes DROP COLUMN kept_by;
ALTER TABLE quotes DROP COLUMN state;
ALTER TABLE quotes DROP COLUMN customer_id;
ALTER TABLE quotes DROP COLUMN member_id;
