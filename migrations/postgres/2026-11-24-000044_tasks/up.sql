-- What a customer manager is to do, and by which day. id is the hash of its rule and its cause, so a
-- cause makes a task once. One that is planned opens at its time, unless things have moved on.
CREATE TABLE tasks (
    id BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    rule TEXT COLLATE "C" NOT NULL CHECK (rule <> ''),
    cause TEXT COLLATE "C" NOT NULL CHECK (cause IN ('qualified', 'contacted', 'at_risk')),
    referral_id BYTEA REFERENCES referrals (id),
    customer_id BYTEA REFERENCES customers (id),
    branch_id TEXT COLLATE "C",
    manager_id TEXT COLLATE "C",
    says TEXT NOT NULL CHECK (says <> ''),
    says_zh TEXT NOT NULL CHECK (says_zh <> ''),
    -- Whether the CRM is told of it by a message of its own.
    in_crm BOOLEAN NOT NULL,
    opens_at TIMESTAMP NOT NULL,
    -- A business day, as 2026-12-31.
    due_on TEXT COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('planned', 'open', 'done', 'cancelled')),
    recorded_at TIMESTAMP NOT NULL,
    closed_by_kind TEXT COLLATE "C",
    closed_by TEXT,
    note TEXT,
    closed_at TIMESTAMP,
    CHECK (referral_id IS NOT NULL OR customer_id IS NOT NULL),
    CHECK ((state IN ('done', 'cancelled')) = (closed_at IS NOT NULL)),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CHECK ((closed_at IS NULL) = (closed_by_kind IS NULL))
);
CREATE INDEX tasks_by_manager ON tasks (manager_id, state, due_on, id);
CREATE INDEX tasks_by_state ON tasks (state, due_on, id);
CREATE INDEX tasks_planned ON tasks (opens_at) WHERE state = 'planned';
CREATE INDEX tasks_of_referral ON tasks (referral_id) WHERE state IN ('planned', 'open');
CREATE INDEX tasks_of_customer ON tasks (customer_id) WHERE state IN ('planned', 'open');

CREATE FUNCTION tasks_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a task keeps what it says, and is closed once';
END $$;
CREATE TRIGGER tasks_keep BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.state IN ('done', 'cancelled') OR (OLD.state = 'open' AND NEW.state = 'planned')
        OR (OLD.id, OLD.rule, OLD.cause, OLD.referral_id, OLD.customer_id, OLD.branch_id,
            OLD.manager_id, OLD.says, OLD.says_zh, OLD.in_crm, OLD.opens_at, OLD.due_on,
            OLD.recorded_at)
        IS DISTINCT FROM
           (NEW.id, NEW.rule, NEW.cause, NEW.referral_id, NEW.customer_id, NEW.branch_id,
            NEW.manager_id, NEW.says, NEW.says_zh, NEW.in_crm, NEW.opens_at, NEW.due_on,
            NEW.recorded_at))
    EXECUTE FUNCTION tasks_only_forward();
CREATE TRIGGER tasks_no_delete BEFORE DELETE ON tasks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tasks_no_truncate BEFORE TRUNCATE ON tasks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
