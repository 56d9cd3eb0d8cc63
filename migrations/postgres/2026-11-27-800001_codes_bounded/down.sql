ALTER TABLE notices DROP COLUMN partner_id;
ALTER TABLE codes DROP COLUMN refusals;
ALTER TABLE codes DROP COLUMN partner_id;
ALTER TABLE codes DROP COLUMN points;
