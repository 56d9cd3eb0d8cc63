DROP TABLE holds;
DROP TABLE codes;
DROP TABLE lots;
DROP FUNCTION holds_change_only_forward();
DROP FUNCTION lots_change_only_in_parts();
