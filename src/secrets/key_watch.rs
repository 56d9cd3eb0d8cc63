//! Reads the keys again every so often, so that a new one is known to a running gateway before it
//! is used, and an older one is gone once it is retired.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::key_source::{self, KeySource};
use super::keys::{Keys, KeysError};

/// A running watch over the keys.
pub struct KeyWatch {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Starts it: `keys` and all their clones are kept as they are at the source.
#[must_use]
pub fn start(source: KeySource, keys: Keys, every: Duration) -> KeyWatch {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stopped.changed() => return,
            }
            let from = source.clone();
            match tokio::task::spawn_blocking(move || read(&from)).await {
                Ok(Ok(fresh)) => {
                    if fresh.personal.key_id() != keys.personal.key_id() {
                        tracing::info!(key = fresh.personal.key_id(), "another key seals now");
                    }
                    keys.personal.take_over(&fresh.personal);
                    keys.token.replace_by(&fresh.token);
                    keys.sandbox.replace_by(&fresh.sandbox);
                }
                // What is known goes on.
                Ok(Err(error)) => tracing::warn!(%error, "the keys cannot be read again"),
                Err(error) => tracing::error!(%error, "the keys could not be read again"),
            }
        }
    });
    KeyWatch { stop, task }
}

/// Never makes a file: one that is gone is missed, not replaced.
fn read(source: &KeySource) -> Result<Keys, KeysError> {
    Keys::parse(&key_source::text(source)?, &source.to_string())
}

impl KeyWatch {
    /// Ends it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the watch over the keys was lost");
        }
    }
}
