//! What falls due without anybody asking: points that mature, points that expire,
//! holds whose time is over. Finds it in
//! bounded rounds and hands it to the writer, which looks again under its locks: so nothing falls
//! due twice, whatever is restarted and however many gateways look.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock;
use crate::store::{Pool, StoreError, holds, lots};
use crate::writer::{WriteError, Writer};

/// A running search for what has fallen due.
pub struct Due {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Customers in one round: one transaction of the database.
const CUSTOMERS_MAX: i64 = 200;

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DueError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Starts the search, at once and then every so often, until it is stopped.
#[must_use]
pub fn start(pool: Pool, writer: Writer, every: Duration) -> Due {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        while !*stopped.borrow() {
            match round(&pool, &writer).await {
                Ok(0) => {}
                Ok(_more) => continue,
                Err(error) => tracing::warn!(%error, "what has fallen due is not recorded"),
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stopped.changed() => {}
            }
        }
    });
    Due { stop, task }
}

/// Records what has fallen due for some customers; returns for how many, none when all is done.
///
/// # Errors
/// [`DueError`]; what was recorded stays so.
pub async fn round(pool: &Pool, writer: &Writer) -> Result<usize, DueError> {
    let reading = pool.clone();
    let find = move || {
        reading.with(|db| {
            let mut customers = lots::fallen_due(db, clock::now(), CUSTOMERS_MAX)?;
            customers.extend(holds::timed_out(db, clock::now(), CUSTOMERS_MAX)?);
            Ok::<_, StoreError>(customers)
        })
    };
    let found = tokio::task::spawn_blocking(find).await;
    let customers = found.map_err(|_cancelled| WriteError::Stopped)??;
    let count = customers.len();
    if count > 0 {
        let transactions = writer.record_due(customers).await?;
        tracing::info!(
            customers = count,
            transactions,
            "points matured or expired, or holds timed out"
        );
    }
    Ok(count)
}

impl Due {
    /// Lets the round under way end, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the search for what has fallen due was lost");
        }
    }
}
