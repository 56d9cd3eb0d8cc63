DROP INDEX exposures_by_period;
DROP TABLE conduct;
