DROP TRIGGER transactions_not_in_closed ON transactions;
DROP TABLE settlements;
DROP FUNCTION transactions_after_the_cut;
DROP FUNCTION settlements_decided_once;
