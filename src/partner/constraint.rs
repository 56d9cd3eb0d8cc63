//! To what a partner's access tokens are bound, so that they are of no use to who steals them.

use jsonwebtoken::Algorithm;
use serde::Deserialize;

/// What the manifest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderConstraint {
    /// To a key of the client's own, by a proof with each request (RFC 9449).
    Dpop,
    /// To the certificate with which the client connects (RFC 8705).
    Mtls,
}

impl SenderConstraint {
    /// Whether a key of that algorithm goes with it (FAPI 2.0 Security Profile, section 5.4).
    #[must_use]
    pub fn takes(algorithm: Algorithm) -> bool {
        algorithm != Algorithm::RS256
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dpop => "dpop",
            Self::Mtls => "mtls",
        }
    }
}

/// To what one token is bound (RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Whoever bears it may use it.
    None,
    /// The thumbprint of a key (RFC 7638, SHA-256).
    Key(String),
    /// The SHA-256 of a certificate, base64url.
    Certificate(String),
}

impl Binding {
    /// Whether it is what a manifest asks for.
    #[must_use]
    pub const fn suffices(&self, asked: Option<SenderConstraint>) -> bool {
        match asked {
            None => true,
            Some(SenderConstraint::Dpop) => matches!(self, Self::Key(_)),
            Some(SenderConstraint::Mtls) => matches!(self, Self::Certificate(_)),
        }
    }
}
