-- What a partner says of the statement of its closed month: it accepts it, or disputes a line.
CREATE TABLE settlement_answers (
    partner_id TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    -- The settlement of the month, and the answers to it from 1.
    settlement BIGINT NOT NULL,
    number BIGINT NOT NULL CHECK (number >= 1),
    answer TEXT COLLATE "C" NOT NULL CHECK (answer IN ('accepted', 'disputed')),
    -- The line of the statement from 1, and why it is disputed.
    line BIGINT CHECK (line >= 1),
    reason TEXT COLLATE "C" CHECK (reason <> ''),
    answered_at TIMESTAMP NOT NULL,
    PRIMARY KEY (partner_id, period, settlement, number),
    FOREIGN KEY (partner_id, period, settlement) REFERENCES settlements (partner_id, period, number),
    CHECK ((answer = 'disputed') = (line IS NOT NULL)),
    CHECK ((line IS NULL) = (reason IS NULL))
);
CREATE UNIQUE INDEX settlement_answers_accepted_once
    ON settlement_answers (partner_id, period, settlement) WHERE answer = 'accepted';

DO $keep$
BEGIN
    EXECUTE replace($f$
CREATE FUNCTION {schema}.settlement_answers_after_the_close() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, {schema}, pg_temp AS $body$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM {schema}.settlements
        WHERE partner_id = NEW.partner_id AND period = NEW.period
            AND number = NEW.settlement AND state = 'closed'
    ) THEN
        RAISE EXCEPTION 'only the statement of a closed month is answered';
    END IF;
    RETURN NEW;
END $body$
$f$, '{schema}', quote_ident(current_schema()));
END $keep$;
REVOKE EXECUTE ON FUNCTION settlement_answers_after_the_close() FROM PUBLIC;
CREATE TRIGGER settlement_answers_to_closed BEFORE INSERT ON settlement_answers
    FOR EACH ROW EXECUTE FUNCTION settlement_answers_after_the_close();
CREATE TRIGGER settlement_answers_append_only BEFORE UPDATE OR DELETE ON settlement_answers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_answers_no_truncate BEFORE TRUNCATE ON settlement_answers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
