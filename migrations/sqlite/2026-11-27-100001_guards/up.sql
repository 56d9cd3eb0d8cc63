-- Whose points they are: a member stays its customer's, and a customer stays the same person's.
CREATE TRIGGER members_no_update BEFORE UPDATE ON members BEGIN
    SELECT RAISE(ABORT, 'members is append-only: reverse, do not change');
END;
CREATE TRIGGER members_no_delete BEFORE DELETE ON members BEGIN
    SELECT RAISE(ABORT, 'members is append-only: reverse, do not change');
END;
CREATE TRIGGER customers_keep_person
    BEFORE UPDATE OF id, bank_subject, enrolled_at ON customers BEGIN
    SELECT RAISE(ABORT, 'customers is append-only: reverse, do not change');
END;
CREATE TRIGGER customers_no_delete BEFORE DELETE ON customers BEGIN
    SELECT RAISE(ABORT, 'customers is append-only: reverse, do not change');
END;
