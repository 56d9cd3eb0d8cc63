use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::{Db, StoreError};

/// An open transaction. Every function of the store that writes takes one.
pub struct LedgerTx<'a>(pub(super) &'a mut Db);

impl LedgerTx<'_> {
    /// For reads within the transaction.
    pub const fn db(&mut self) -> &mut Db {
        self.0
    }

    /// The same transaction, for a value that carries it for a while.
    pub const fn same(&mut self) -> LedgerTx<'_> {
        LedgerTx(self.0)
    }
}

impl Db {
    /// Runs `work` in one transaction: all of it is durable when this returns `Ok`, none of it
    /// when it returns an error.
    ///
    /// SQLite begins IMMEDIATE: a deferred transaction that turns to writing answers BUSY at once
    /// and ignores the busy time-out. PostgreSQL runs at read committed; ordered row locks do the
    /// rest.
    ///
    /// # Errors
    /// What `work` returned, or the store's refusal to begin or commit.
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut LedgerTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = match self {
            Self::Postgres(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN"),
            Self::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        };
        begun.map_err(StoreError::from)?;
        let done = work(&mut LedgerTx(self));
        let ended = both!(self, c => match &done {
            Ok(_) => AnsiTransactionManager::commit_transaction(c),
            Err(_) => AnsiTransactionManager::rollback_transaction(c),
        });
        match (done, ended) {
            // The error that made us roll back says more than a failed rollback.
            (Err(error), _) => Err(error),
            (Ok(_), Err(error)) => Err(StoreError::from(error).into()),
            (Ok(value), Ok(())) => Ok(value),
        }
    }
}

impl Db {
    /// Runs reads that all see the database at one moment.
    ///
    /// # Errors
    /// What `work` returned, or the store's refusal.
    pub fn snapshot<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        // In WAL mode a deferred SQLite transaction reads from one snapshot as it is.
        let begun = match self {
            Self::Postgres(c) => AnsiTransactionManager::begin_transaction_sql(
                c,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            ),
            Self::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN DEFERRED"),
        };
        begun.map_err(StoreError::from)?;
        let done = work(self);
        let ended = both!(self, c => AnsiTransactionManager::rollback_transaction(c));
        ended.map_err(StoreError::from)?;
        done
    }

    /// Lets PostgreSQL scan and hash whole tables until the end of the snapshot. Its planner is held to
    /// look-ups by key otherwise; a report that reads everything would then read one table whole for
    /// each row of another.
    pub fn read_everything(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(connection) => connection.batch_execute(
                "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; \
                 SET LOCAL enable_mergejoin = on",
            )?,
            Self::Sqlite(_) => {}
        }
        Ok(())
    }
}
