//! Work that may take long, such as comparing a month, has few places: it holds a connection of the
//! pool, and what all others ask for must go on beside it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::Problem;

const PLACES: usize = 2;

/// The places of one gateway.
#[derive(Clone)]
pub struct LongWork(Arc<Semaphore>);

impl Default for LongWork {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

impl LongWork {
    /// Takes a place until the permit is dropped. The work itself keeps it: whoever gave up waiting for
    /// an answer must not let the next one in.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = "Other statements are being read, compared or printed: try again in a moment.";
        Arc::clone(&self.0).try_acquire_owned().map_err(|_full| Problem::busy(full))
    }
}
