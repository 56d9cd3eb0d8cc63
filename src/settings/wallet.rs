//! The wallet of the bank's customers.

use serde::Deserialize;

/// Without it there is no wallet. Customers come to it from the bank's app, by a hand-over link.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletSettings {
    /// Seconds without use after which a session ends.
    #[serde(default = "ten_minutes")]
    pub idle_seconds: u32,
    /// Seconds after which a session ends in any case.
    #[serde(default = "an_hour")]
    pub session_seconds: u32,
}

const fn ten_minutes() -> u32 {
    600
}

const fn an_hour() -> u32 {
    3_600
}

impl Default for WalletSettings {
    fn default() -> Self {
        Self { idle_seconds: ten_minutes(), session_seconds: an_hour() }
    }
}
