DROP TRIGGER holds_confirmation;
DROP INDEX holds_awaiting;
DROP INDEX holds_confirmed_by;
ALTER TABLE holds DROP COLUMN confirmation_id;
ALTER TABLE holds DROP COLUMN confirmation;
