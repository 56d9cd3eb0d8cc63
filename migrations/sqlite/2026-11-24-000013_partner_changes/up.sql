-- Every change of a file below `partners/`, taken up or refused, with the whole text: which rules
-- held when, and since when, can be shown later. A file that was taken away has no text.
CREATE TABLE partner_changes (
    file TEXT NOT NULL CHECK (file <> ''),
    number INTEGER NOT NULL CHECK (number > 0),
    recorded_at TEXT NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('start', 'file', 'signal')),
    outcome TEXT NOT NULL CHECK (outcome IN ('applied', 'refused')),
    status TEXT,
    content TEXT,
    reasons TEXT NOT NULL,
    PRIMARY KEY (file, number),
    CHECK ((outcome = 'refused') = (reasons <> ''))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER partner_changes_no_update BEFORE UPDATE ON partner_changes BEGIN
    SELECT RAISE(ABORT, 'partner_changes is append-only: reverse, do not change');
END;
CREATE TRIGGER partner_changes_no_delete BEFORE DELETE ON partner_changes BEGIN
    SELECT RAISE(ABORT, 'partner_changes is append-only: reverse, do not change');
END;

-- How many events of a partner with a cap were recorded on a business day. The row is locked while
-- its events are decided on, so that the cap holds on all gateways together.
CREATE TABLE daily_events (
    partner_id TEXT NOT NULL,
    day TEXT NOT NULL,
    recorded INTEGER NOT NULL CHECK (recorded >= 0),
    PRIMARY KEY (partner_id, day)
) STRICT, WITHOUT ROWID;
