//! Reads the keys again from time to time. So a new key is known to a running gateway before it is
//! used, and an older one is gone once it is retired.

use super::key_source::{self, KeySource};
use super::keys::{Keys, KeysError};
use crate::task::{Chore, Round, Turn};

/// The watch over the keys: `keys` and all its clones are kept as they are at the source.
pub struct KeyWatch {
    pub source: KeySource,
    pub keys: Keys,
}

impl Chore for KeyWatch {
    type Error = KeysError;

    /// When the source cannot be read, the known keys stay in force.
    async fn round(&mut self, _turn: Turn) -> Result<Round, KeysError> {
        let from = self.source.clone();
        let Ok(fresh) = tokio::task::spawn_blocking(move || read(&from)).await else {
            tracing::error!("the reading of the keys ended by a fault");
            return Ok(Round::Failed);
        };
        let fresh = fresh?;
        if fresh.personal.key_id() != self.keys.personal.key_id() {
            tracing::info!(key = fresh.personal.key_id(), "another key seals now");
        }
        self.keys.personal.take_over(&fresh.personal);
        self.keys.token.replace_by(&fresh.token);
        self.keys.sandbox.replace_by(&fresh.sandbox);
        Ok(Round::Done)
    }
}

/// Never makes a file: a file that is gone is an error.
fn read(source: &KeySource) -> Result<Keys, KeysError> {
    Keys::parse(&key_source::text(source)?, &source.to_string())
}
