DROP TABLE separations;
DROP FUNCTION separations_once();
