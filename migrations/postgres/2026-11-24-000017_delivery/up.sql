-- One outbox for all that leaves the house: leads, events for partners' webhooks, notices. It takes
-- the place of the table that held leads alone; what that one held is carried over.
DROP INDEX outbox_waiting;
ALTER TABLE outbox RENAME TO outbox_of_leads;
ALTER TABLE outbox_of_leads RENAME CONSTRAINT outbox_pkey TO outbox_of_leads_pkey;

CREATE TABLE outbox (
    -- Rises with the order of recording, whatever clocks say.
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id BYTEA NOT NULL UNIQUE CHECK (octet_length(id) = 16),
    channel TEXT COLLATE "C" NOT NULL CHECK (channel IN ('crm', 'webhook', 'notice')),
    destination TEXT COLLATE "C" NOT NULL CHECK (destination <> ''),
    -- Messages of one key go one after the other. It may be derived from a person, so it is kept
    -- only as long as the message may go out.
    order_key BYTEA CHECK (octet_length(order_key) = 16),
    subject BYTEA NOT NULL CHECK (octet_length(subject) = 16),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
    revision BIGINT NOT NULL CHECK (revision > 0),
    body TEXT,
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('waiting', 'delivered', 'dead', 'superseded', 'cancelled')),
    -- All attempts ever begun; and those that failed since it was last put in line.
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    failures BIGINT NOT NULL CHECK (failures >= 0),
    next_attempt_at TIMESTAMP NOT NULL,
    give_up_at TIMESTAMP,
    lease_until TIMESTAMP,
    lease_holder BYTEA,
    -- Set while an attempt is under way that must be the last.
    cancelled_at TIMESTAMP,
    last_error TEXT,
    remote_id TEXT,
    recorded_at TIMESTAMP NOT NULL,
    delivered_at TIMESTAMP,
    UNIQUE (destination, subject, revision),
    CHECK ((state = 'delivered') = (delivered_at IS NOT NULL)),
    CHECK ((state IN ('waiting', 'dead')) = (order_key IS NOT NULL))
);
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
    message_id BYTEA NOT NULL CHECK (octet_length(message_id) = 16),
    number BIGINT NOT NULL CHECK (number > 0),
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('delivered', 'again', 'dead')),
    status BIGINT CHECK (status BETWEEN 100 AND 599),
    class TEXT COLLATE "C",
    PRIMARY KEY (message_id, number),
    CHECK ((outcome = 'delivered') = (class IS NULL))
);

CREATE FUNCTION outbox_keeps_what_it_says() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a message keeps what it says and to whom';
END $$;
CREATE TRIGGER outbox_keeps_what_it_says BEFORE UPDATE ON outbox FOR EACH ROW
    WHEN ((OLD.id, OLD.channel, OLD.destination, OLD.subject, OLD.kind, OLD.revision, OLD.body,
            OLD.recorded_at)
        IS DISTINCT FROM (NEW.id, NEW.channel, NEW.destination, NEW.subject, NEW.kind, NEW.revision,
            NEW.body, NEW.recorded_at))
    EXECUTE FUNCTION outbox_keeps_what_it_says();
CREATE TRIGGER outbox_no_delete BEFORE DELETE ON outbox
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempts_append_only BEFORE UPDATE OR DELETE ON attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempts_no_truncate BEFORE TRUNCATE ON attempts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
