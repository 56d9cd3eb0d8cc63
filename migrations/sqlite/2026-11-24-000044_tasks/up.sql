-- What a customer manager is to do, and by which day. id is the hash of its rule and its cause, so a
-- cause makes a task once. One that is planned opens at its time, unless things have moved on.
CREATE TABLE tasks (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    rule TEXT NOT NULL CHECK (rule <> ''),
    cause TEXT NOT NULL CHECK (cause IN ('qualified', 'contacted', 'at_risk')),
    referral_id BLOB REFERENCES referrals (id),
    customer_id BLOB REFERENCES customers (id),
    branch_id TEXT,
    manager_id TEXT,
    says TEXT NOT NULL CHECK (says <> ''),
    says_zh TEXT NOT NULL CHECK (says_zh <> ''),
    -- Whether the CRM is told of it by a message of its own.
    in_crm INTEGER NOT NULL CHECK (in_crm IN (0, 1)),
    opens_at TEXT NOT NULL,
    -- A business day, as 2026-12-31.
    due_on TEXT NOT NULL CHECK (length(due_on) = 10),
    state TEXT NOT NULL CHECK (state IN ('planned', 'open', 'done', 'cancelled')),
    recorded_at TEXT NOT NULL,
    closed_by_kind TEXT,
    closed_by TEXT,
    note TEXT,
    closed_at TEXT,
    CHECK (referral_id IS NOT NULL OR customer_id IS NOT NULL),
    CHECK ((state IN ('done', 'cancelled')) = (closed_at IS NOT NULL)),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CHECK ((closed_at IS NULL) = (closed_by_kind IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_by_manager ON tasks (manager_id, state, due_on, id);
CREATE INDEX tasks_by_state ON tasks (state, due_on, id);
CREATE INDEX tasks_planned ON tasks (opens_at) WHERE state = 'planned';
CREATE INDEX tasks_of_referral ON tasks (referral_id) WHERE state IN ('planned', 'open');
CREATE INDEX tasks_of_customer ON tasks (customer_id) WHERE state IN ('planned', 'open');

CREATE TRIGGER tasks_keep BEFORE UPDATE ON tasks
WHEN OLD.state IN ('done', 'cancelled') OR (OLD.state = 'open' AND NEW.state = 'planned')
    OR OLD.id <> NEW.id OR OLD.rule <> NEW.rule OR OLD.cause <> NEW.cause
    OR OLD.referral_id IS NOT NEW.referral_id OR OLD.customer_id IS NOT NEW.customer_id
    OR OLD.branch_id IS NOT NEW.branch_id OR OLD.manager_id IS NOT NEW.manager_id
    OR OLD.says <> NEW.says OR OLD.says_zh <> NEW.says_zh OR OLD.in_crm <> NEW.in_crm
    OR OLD.opens_at <> NEW.opens_at OR OLD.due_on <> NEW.due_on
    OR OLD.recorded_at <> NEW.recorded_at BEGIN
    SELECT RAISE(ABORT, 'a task keeps what it says, and is closed once');
END;
CREATE TRIGGER tasks_no_delete BEFORE DELETE ON tasks BEGIN
    SELECT RAISE(ABORT, 'tasks is append-only: cancel, do not delete');
END;
