DROP TRIGGER conduct_keep_recent;
DROP TRIGGER exposures_keep_recent;
