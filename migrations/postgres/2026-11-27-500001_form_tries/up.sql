-- Tries to sign in to a partner's form, by their source: a device that was signed in before, the
-- network that an unknown device calls from (a keyed hash), or all unknown devices together. So a
-- PIN cannot be guessed on several gateways, and a stranger who tries cannot lock the shop out.
-- Rows are forgotten after a day; what form_attempts counted is not carried over.
CREATE TABLE form_tries (
    partner_id TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL CHECK (source <> ''),
    failures BIGINT NOT NULL CHECK (failures >= 0),
    tried_at TIMESTAMP NOT NULL,
    locked_until TIMESTAMP NOT NULL,
    PRIMARY KEY (partner_id, source)
);
CREATE INDEX form_tries_by_time ON form_tries (partner_id, tried_at);
DROP TABLE form_attempts;
