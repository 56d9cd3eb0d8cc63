use std::fmt;

use serde::{Deserialize, Serialize};

/// What a token lets its bearer do. Each endpoint asks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Post events, singly or in batches.
    #[serde(rename = "events:write")]
    EventsWrite,
    /// Read the partner's own events and their receipts.
    #[serde(rename = "events:read")]
    EventsRead,
    /// Read the state of the partner's own referrals.
    #[serde(rename = "referrals:read")]
    ReferralsRead,
    /// Withdraw consents that the partner passed on.
    #[serde(rename = "consents:write")]
    ConsentsWrite,
    /// Upload files of events, and see their outcome.
    #[serde(rename = "files:write")]
    FilesWrite,
    /// Set the endpoints that receive the partner's webhooks.
    #[serde(rename = "webhooks:manage")]
    WebhooksManage,
    /// Read the settlement statements of the partner's closed months.
    #[serde(rename = "settlements:read")]
    SettlementsRead,
    /// Read and answer what the bank asks about the partner's statements.
    #[serde(rename = "settlements:answer")]
    SettlementsAnswer,
    /// Hand in the partner's own statements, and see what became of them.
    #[serde(rename = "statements:write")]
    StatementsWrite,
}

impl Scope {
    pub const ALL: [Self; 9] = [
        Self::EventsWrite,
        Self::EventsRead,
        Self::ReferralsRead,
        Self::ConsentsWrite,
        Self::FilesWrite,
        Self::WebhooksManage,
        Self::SettlementsRead,
        Self::SettlementsAnswer,
        Self::StatementsWrite,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventsWrite => "events:write",
            Self::EventsRead => "events:read",
            Self::ReferralsRead => "referrals:read",
            Self::ConsentsWrite => "consents:write",
            Self::FilesWrite => "files:write",
            Self::WebhooksManage => "webhooks:manage",
            Self::SettlementsRead => "settlements:read",
            Self::SettlementsAnswer => "settlements:answer",
            Self::StatementsWrite => "statements:write",
        }
    }

    /// Reads a scope token (RFC 6749, section 3.3); `None` when there is no such scope.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
