-- What a code is good for: points at most, perhaps at one partner only, and how many holds with it were
-- refused. NULL: made by the release before, which asked for none of it.
ALTER TABLE codes ADD COLUMN points INTEGER CHECK (points > 0);
ALTER TABLE codes ADD COLUMN partner_id TEXT;
ALTER TABLE codes ADD COLUMN refusals INTEGER CHECK (refusals >= 0);
-- The partner at which the points were redeemed of which a notice tells. NULL: it tells of something else.
ALTER TABLE notices ADD COLUMN partner_id TEXT;
