-- Transactions are sealed into a chain of blocks, off the writer's path. A block's hash covers its
-- Merkle root and the hash of the block before it; head is that, signed.
CREATE TABLE blocks (
    position INTEGER NOT NULL PRIMARY KEY CHECK (position >= 0),
    leaves INTEGER NOT NULL CHECK (leaves > 0),
    total INTEGER NOT NULL CHECK (total >= leaves),
    root BLOB NOT NULL CHECK (length(root) = 32),
    -- Unique, so that the chain cannot fork.
    previous BLOB NOT NULL UNIQUE CHECK (length(previous) = 32),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    head TEXT NOT NULL,
    sealed_at TEXT NOT NULL
) STRICT;

-- transaction_id has no foreign key: ledger verify proves it.
CREATE TABLE seals (
    transaction_id BLOB NOT NULL PRIMARY KEY CHECK (length(transaction_id) = 16),
    block INTEGER NOT NULL REFERENCES blocks (position),
    leaf_index INTEGER NOT NULL CHECK (leaf_index >= 0),
    leaf BLOB NOT NULL CHECK (length(leaf) = 32),
    UNIQUE (block, leaf_index)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER blocks_no_update BEFORE UPDATE ON blocks BEGIN
    SELECT RAISE(ABORT, 'blocks is append-only: reverse, do not change');
END;
CREATE TRIGGER blocks_no_delete BEFORE DELETE ON blocks BEGIN
    SELECT RAISE(ABORT, 'blocks is append-only: reverse, do not change');
END;
CREATE TRIGGER blocks_no_replace BEFORE INSERT ON blocks
WHEN EXISTS (SELECT 1 FROM blocks WHERE position = NEW.position) BEGIN
    SELECT RAISE(ABORT, 'blocks is append-only: reverse, do not change');
END;
CREATE TRIGGER seals_no_update BEFORE UPDATE ON seals BEGIN
    SELECT RAISE(ABORT, 'seals is append-only: reverse, do not change');
END;
CREATE TRIGGER seals_no_delete BEFORE DELETE ON seals BEGIN
    SELECT RAISE(ABORT, 'seals is append-only: reverse, do not change');
END;
