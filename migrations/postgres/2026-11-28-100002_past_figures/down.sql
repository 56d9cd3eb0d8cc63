DROP TRIGGER conduct_keep_recent ON conduct;
DROP TRIGGER exposures_keep_recent ON exposures;
DROP FUNCTION figures_keep_recent();
