//! The console of the bank's staff, and how they sign in at it.

use serde::Deserialize;

use super::Secret;

/// Without it there is no console. Staff sign in at the identity provider of `[staff_tokens]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleSettings {
    /// What the identity provider calls this service: `aud` of its ID tokens.
    pub client_id: String,
    /// Without it the client is a public one, which PKCE protects.
    pub client_secret: Option<Secret>,
    /// What is asked for, separated by spaces. The roles of the person must come in the ID token.
    #[serde(default = "openid")]
    pub scope: String,
    /// Seconds without use after which a session ends.
    #[serde(default = "quarter_of_an_hour")]
    pub idle_seconds: u32,
    /// Seconds after which a session ends in any case.
    #[serde(default = "working_day")]
    pub session_seconds: u32,
    /// Whoever approves has shown the identity provider who they are within this many seconds.
    #[serde(default = "quarter_of_an_hour")]
    pub fresh_seconds: u32,
    /// A provider in this program, with one button for each role, instead of the bank's: for trials on
    /// one machine, with no partner beyond the sandbox.
    #[serde(default)]
    pub local_provider: bool,
}

fn openid() -> String {
    "openid".to_owned()
}

const fn quarter_of_an_hour() -> u32 {
    900
}

const fn working_day() -> u32 {
    36_000
}

impl ConsoleSettings {
    /// The console of a trial on one machine.
    #[must_use]
    pub fn local() -> Self {
        Self {
            client_id: "tallystick-console".to_owned(),
            client_secret: None,
            scope: openid(),
            idle_seconds: quarter_of_an_hour(),
            session_seconds: working_day(),
            fresh_seconds: quarter_of_an_hour(),
            local_provider: true,
        }
    }
}
