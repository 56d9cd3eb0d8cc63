-- Transactions are sealed into a chain of blocks, off the writer's path. A block's hash covers its
-- Merkle root and the hash of the block before it; head is that, signed.
CREATE TABLE blocks (
    position BIGINT PRIMARY KEY CHECK (position >= 0),
    leaves BIGINT NOT NULL CHECK (leaves > 0),
    total BIGINT NOT NULL CHECK (total >= leaves),
    root BYTEA NOT NULL CHECK (octet_length(root) = 32),
    -- Unique, so that the chain cannot fork.
    previous BYTEA NOT NULL UNIQUE CHECK (octet_length(previous) = 32),
    hash BYTEA NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    head TEXT NOT NULL,
    sealed_at TIMESTAMP NOT NULL
);

-- transaction_id has no foreign key: it would lock the transactions' rows, and ledger verify
-- proves it.
CREATE TABLE seals (
    transaction_id BYTEA PRIMARY KEY CHECK (octet_length(transaction_id) = 16),
    block BIGINT NOT NULL REFERENCES blocks (position),
    leaf_index BIGINT NOT NULL CHECK (leaf_index >= 0),
    leaf BYTEA NOT NULL CHECK (octet_length(leaf) = 32),
    UNIQUE (block, leaf_index)
);

CREATE TRIGGER blocks_append_only BEFORE UPDATE OR DELETE ON blocks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER blocks_no_truncate BEFORE TRUNCATE ON blocks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seals_append_only BEFORE UPDATE OR DELETE ON seals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seals_no_truncate BEFORE TRUNCATE ON seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
