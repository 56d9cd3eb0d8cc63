-- How far the clocks of partners on trial are ahead of ours. They never go back, so that what has
-- fallen due stays so. Ten years of 366 days at most.
CREATE TABLE test_clocks (
    partner_id TEXT NOT NULL PRIMARY KEY,
    ahead_seconds INTEGER NOT NULL CHECK (ahead_seconds BETWEEN 0 AND 316224000),
    set_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
