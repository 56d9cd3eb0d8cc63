DROP TRIGGER holds_confirmation ON holds;
DROP FUNCTION holds_ask_the_customer();
DROP INDEX holds_awaiting;
DROP INDEX holds_confirmed_by;
ALTER TABLE holds DROP COLUMN confirmation_id;
ALTER TABLE holds DROP COLUMN confirmation;
