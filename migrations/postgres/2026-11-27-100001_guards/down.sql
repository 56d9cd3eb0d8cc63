DROP TRIGGER customers_no_truncate ON customers;
DROP TRIGGER customers_no_delete ON customers;
DROP TRIGGER customers_keep_person ON customers;
DROP TRIGGER members_no_truncate ON members;
DROP TRIGGER members_append_only ON members;
-- The functions stay: they do all that the ones before did.
