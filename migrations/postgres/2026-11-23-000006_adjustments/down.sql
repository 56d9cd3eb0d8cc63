DROP TABLE corrections;
DROP FUNCTION corrections_change_only_forward();
