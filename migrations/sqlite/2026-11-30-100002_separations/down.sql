DROP TABLE separations;
