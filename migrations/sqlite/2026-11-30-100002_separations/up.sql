-- Two people say that a line and an event that matched do not belong together: one proposes, another
-- approves. The run that ends the match is named; no later run brings the two together again.
CREATE TABLE separations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    partner_id TEXT NOT NULL,
    period TEXT NOT NULL CHECK (length(period) = 7),
    statement_id BLOB NOT NULL,
    line INTEGER NOT NULL,
    made_by INTEGER NOT NULL,
    -- What the line says, so that it is known again in a newer version of the statement.
    content BLOB NOT NULL CHECK (length(content) = 16),
    event_key BLOB NOT NULL CHECK (length(event_key) = 16),
    event_id TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason <> ''),
    proposed_by TEXT NOT NULL CHECK (proposed_by <> ''),
    proposed_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    decided_by TEXT,
    decided_because TEXT,
    decided_at TEXT,
    -- The run that compared without the two.
    run BLOB REFERENCES reconciliations (id),
    FOREIGN KEY (statement_id, line, made_by) REFERENCES matches (statement_id, line, made_by),
    CHECK (state <> 'approved' OR decided_by <> proposed_by),
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK ((state = 'rejected') = (decided_because IS NOT NULL)),
    CHECK ((state = 'approved') = (run IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX separations_one_of_match ON separations (statement_id, line, made_by)
    WHERE state <> 'rejected';
CREATE INDEX separations_of_period ON separations (partner_id, period, id);

CREATE TRIGGER separations_at_first BEFORE INSERT ON separations WHEN NEW.state <> 'proposed' BEGIN
    SELECT RAISE(ABORT, 'a separation is approved by another person than proposed it');
END;
CREATE TRIGGER separations_keep BEFORE UPDATE ON separations
WHEN OLD.state <> 'proposed' OR OLD.id IS NOT NEW.id OR OLD.partner_id IS NOT NEW.partner_id
    OR OLD.period IS NOT NEW.period OR OLD.statement_id IS NOT NEW.statement_id
    OR OLD.line IS NOT NEW.line OR OLD.made_by IS NOT NEW.made_by
    OR OLD.content IS NOT NEW.content OR OLD.event_key IS NOT NEW.event_key
    OR OLD.event_id IS NOT NEW.event_id OR OLD.reason IS NOT NEW.reason
    OR OLD.proposed_by IS NOT NEW.proposed_by OR OLD.proposed_at IS NOT NEW.proposed_at BEGIN
    SELECT RAISE(ABORT, 'a separation keeps what was proposed, and is decided once');
END;
CREATE TRIGGER separations_no_delete BEFORE DELETE ON separations BEGIN
    SELECT RAISE(ABORT, 'separations is append-only: reverse, do not change');
END;
