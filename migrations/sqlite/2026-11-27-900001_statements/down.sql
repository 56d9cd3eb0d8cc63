DROP INDEX events_by_partner;
DROP TABLE statement_lines;
DROP TABLE statements;
