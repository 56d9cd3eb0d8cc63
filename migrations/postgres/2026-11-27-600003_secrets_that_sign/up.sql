-- The oldest version of an endpoint's secret that still signs: with two rotations within a day it is not
-- the one before, but the one before that. NULL: the one before.
ALTER TABLE webhook_endpoints ADD COLUMN signs_from BIGINT;
