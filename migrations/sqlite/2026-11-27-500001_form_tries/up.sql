-- Tries to sign in to a partner's form, by their source: a device that was signed in before, the
-- network that an unknown device calls from (a keyed hash), or all unknown devices together. So a
-- PIN cannot be guessed on several gateways, and a stranger who tries cannot lock the shop out.
-- Rows are forgotten after a day; what form_attempts counted is not carried over.
CREATE TABLE form_tries (
    partner_id TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source <> ''),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    tried_at TEXT NOT NULL,
    locked_until TEXT NOT NULL,
    PRIMARY KEY (partner_id, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX form_tries_by_time ON form_tries (partner_id, tried_at);
DROP TABLE form_attempts;
