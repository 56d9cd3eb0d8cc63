DROP TABLE statement_originals;
