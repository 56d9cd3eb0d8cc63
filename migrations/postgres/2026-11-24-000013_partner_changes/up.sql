-- Every change of a file below `partners/`, taken up or refused, with the whole text: which rules
-- held when, and since when, can be shown later. A file that was taken away has no text.
CREATE TABLE partner_changes (
    file TEXT COLLATE "C" NOT NULL CHECK (file <> ''),
    number BIGINT NOT NULL CHECK (number > 0),
    recorded_at TIMESTAMP NOT NULL,
    cause TEXT COLLATE "C" NOT NULL CHECK (cause IN ('start', 'file', 'signal')),
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('applied', 'refused')),
    status TEXT COLLATE "C",
    content TEXT COLLATE "C",
    reasons TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (file, number),
    CHECK ((outcome = 'refused') = (reasons <> ''))
);

CREATE TRIGGER partner_changes_no_update BEFORE UPDATE ON partner_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER partner_changes_no_delete BEFORE DELETE ON partner_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER partner_changes_no_truncate BEFORE TRUNCATE ON partner_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How many events of a partner with a cap were recorded on a business day. The row is locked while
-- its events are decided on, so that the cap holds on all gateways together.
CREATE TABLE daily_events (
    partner_id TEXT COLLATE "C" NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    recorded BIGINT NOT NULL CHECK (recorded >= 0),
    PRIMARY KEY (partner_id, day)
);
