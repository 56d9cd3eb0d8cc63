DROP TABLE lots;
DROP FUNCTION lots_change_only_in_parts();
