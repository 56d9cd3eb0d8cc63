-- What a partner says of the statement of its closed month: it accepts it, or disputes a line.
CREATE TABLE settlement_answers (
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL,
    -- The settlement of the month, and the answers to it from 1.
    settlement INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    answer TEXT NOT NULL CHECK (answer IN ('accepted', 'disputed')),
    -- The line of the statement from 1, and why it is disputed.
    line INTEGER CHECK (line >= 1),
    reason TEXT CHECK (reason <> ''),
    answered_at TEXT NOT NULL,
    PRIMARY KEY (partner_id, period, settlement, number),
    FOREIGN KEY (partner_id, period, settlement) REFERENCES settlements (partner_id, period, number),
    CHECK ((answer = 'disputed') = (line IS NOT NULL)),
    CHECK ((line IS NULL) = (reason IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX settlement_answers_accepted_once
    ON settlement_answers (partner_id, period, settlement) WHERE answer = 'accepted';

CREATE TRIGGER settlement_answers_to_closed BEFORE INSERT ON settlement_answers
WHEN NOT EXISTS (
    SELECT 1 FROM settlements
    WHERE partner_id = NEW.partner_id AND period = NEW.period
        AND number = NEW.settlement AND state = 'closed'
) BEGIN
    SELECT RAISE(ABORT, 'only the statement of a closed month is answered');
END;
CREATE TRIGGER settlement_answers_no_update BEFORE UPDATE ON settlement_answers BEGIN
    SELECT RAISE(ABORT, 'settlement_answers is append-only: reverse, do not change');
END;
CREATE TRIGGER settlement_answers_no_delete BEFORE DELETE ON settlement_answers BEGIN
    SELECT RAISE(ABORT, 'settlement_answers is append-only: reverse, do not change');
END;
