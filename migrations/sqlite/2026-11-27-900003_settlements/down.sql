DROP TRIGGER transactions_not_in_closed;
DROP TABLE settlements;
