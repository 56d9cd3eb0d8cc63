DROP INDEX events_by_partner;
DROP TABLE statement_lines;
DROP TABLE statements;
DROP FUNCTION statement_lines_while_loading;
DROP FUNCTION statements_only_ready;
