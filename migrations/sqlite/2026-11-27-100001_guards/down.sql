DROP TRIGGER customers_no_delete;
DROP TRIGGER customers_keep_person;
DROP TRIGGER members_no_delete;
DROP TRIGGER members_no_update;
