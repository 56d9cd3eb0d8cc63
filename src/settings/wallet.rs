//! The wallet of the bank's customers.

use serde::Deserialize;

use super::error::SettingsError;

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

impl WalletSettings {
    pub(super) fn check(self) -> Result<(), SettingsError> {
        if self.idle_seconds == 0 || self.idle_seconds > self.session_seconds {
            return Err(SettingsError(
                "setting wallet.idle_seconds: expected 1 or more, and not above session_seconds"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}
