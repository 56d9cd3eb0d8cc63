//! How many streams of events each partner has open at this gateway.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ids::PartnerId;

/// Maximum number of streams that one partner may have open at a gateway at once.
const STREAMS_MAX: usize = 4;

/// How many streams each partner has open.
#[derive(Clone, Default)]
pub struct OpenStreams(Arc<Mutex<HashMap<PartnerId, usize>>>);

/// A stream that counts as open until this is dropped.
pub struct OpenStream {
    streams: OpenStreams,
    partner: PartnerId,
}

impl OpenStreams {
    /// Opens a stream. `None`: the partner has as many open as it may.
    pub fn open(&self, partner: &PartnerId) -> Option<OpenStream> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(partner.clone()).or_default();
        if *count >= STREAMS_MAX {
            return None;
        }
        *count = count.saturating_add(1);
        Some(OpenStream { streams: self.clone(), partner: partner.clone() })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut counts = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.partner) {
            *count = count.saturating_sub(1);
        }
    }
}
