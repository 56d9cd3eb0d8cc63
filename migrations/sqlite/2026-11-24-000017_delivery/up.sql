-- One outbox for all that leaves the house: leads, events for partners' webhooks, notices. It takes
-- the place of the table that held leads alone; what that one held is carried over.
DROP INDEX outbox_waiting;
ALTER TABLE outbox RENAME TO outbox_of_leads;

CREATE TABLE outbox (
    -- Rises with the order of recording, whatever clocks say.
    position INTEGER NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    channel TEXT NOT NULL CHECK (channel IN ('crm', 'webhook', 'notice')),
    destination TEXT NOT NULL CHECK (destination <> ''),
    -- Messages of one key go one after the other. It may be derived from a person, so it is kept
    -- only as long as the message may go out.
    order_key BLOB CHECK (length(order_key) = 16),
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    kind TEXT NOT NULL CHECK (kind <> ''),
    revision INTEGER NOT NULL CHECK (revision > 0),
    body TEXT,
    state TEXT NOT NULL
        CHECK (state IN ('waiting', 'delivered', 'dead', 'superseded', 'cancelled')),
    -- All attempts ever begun; and those that failed since it was last put in line.
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    next_attempt_at TEXT NOT NULL,
    give_up_at TEXT,
    lease_until TEXT,
    lease_holder BLOB,
    -- Set while an attempt is under way that must be the last.
    cancelled_at TEXT,
    last_error TEXT,
    remote_id TEXT,
    recorded_at TEXT NOT NULL,
    delivered_at TEXT,
    UNIQUE (destination, subject, revision),
    CHECK ((state = 'delivered') = (delivered_at IS NOT NULL)),
    CHECK ((state IN ('waiting', 'dead')) = (order_key IS NOT NULL))
) STRICT;
INSERT INTO outbox (id, channel, destination, order_key, subject, kind, revision, state, attempts,
        failures, next_attempt_at, lease_until, lease_holder, last_error, remote_id, recorded_at,
        delivered_at)
    SELECT id, 'crm', 'crm', CASE state WHEN 'delivered' THEN NULL ELSE id END, referral_id, 'lead',
        1, state, attempts, attempts, next_attempt_at, lease_until, lease_holder, last_error, crm_id,
        recorded_at, delivered_at
    FROM outbox_of_leads ORDER BY outbox_of_leads.id;
DROP TABLE outbox_of_leads;

CREATE INDEX outbox_due ON outbox (destination, next_attempt_at, position) WHERE state = 'waiting';
CREATE INDEX outbox_in_order ON outbox (destination, order_key, position) WHERE state = 'waiting';
CREATE INDEX outbox_dead ON outbox (position) WHERE state = 'dead';

-- The delivery log: each attempt that ended, and how. A number that is missing was lost with the
-- gateway that made the attempt.
CREATE TABLE attempts (
    message_id BLOB NOT NULL CHECK (length(message_id) = 16),
    number INTEGER NOT NULL CHECK (number > 0),
    started_at TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'again', 'dead')),
    status INTEGER CHECK (status BETWEEN 100 AND 599),
    class TEXT,
    PRIMARY KEY (message_id, number),
    CHECK ((outcome = 'delivered') = (class IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER outbox_keeps_what_it_says BEFORE UPDATE ON outbox
WHEN OLD.id <> NEW.id OR OLD.channel <> NEW.channel OR OLD.destination <> NEW.destination
    OR OLD.subject <> NEW.subject OR OLD.kind <> NEW.kind OR OLD.revision <> NEW.revision
    OR OLD.body IS NOT NEW.body OR OLD.recorded_at <> NEW.recorded_at BEGIN
    SELECT RAISE(ABORT, 'a message keeps what it says and to whom');
END;
CREATE TRIGGER outbox_no_delete BEFORE DELETE ON outbox BEGIN
    SELECT RAISE(ABORT, 'outbox is append-only: cancel, do not delete');
END;
CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts BEGIN
    SELECT RAISE(ABORT, 'attempts is append-only: reverse, do not change');
END;
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts BEGIN
    SELECT RAISE(ABORT, 'attempts is append-only: reverse, do not change');
END;
