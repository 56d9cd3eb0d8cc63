//! What a partner's access tokens are bound to, so that a stolen token is useless.

use jsonwebtoken::Algorithm;
use serde::Deserialize;

/// The binding that the manifest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderConstraint {
    /// The client's own key, by a proof with each request (RFC 9449).
    Dpop,
    /// The certificate with which the client connects (RFC 8705).
    Mtls,
}

impl SenderConstraint {
    /// Whether a key of that algorithm may be used with bound tokens (FAPI 2.0 Security Profile,
    /// section 5.4).
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

/// What one token is bound to (RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Any bearer may use the token.
    None,
    /// The thumbprint of a key (RFC 7638, SHA-256).
    Key(String),
    /// The SHA-256 of a certificate, base64url.
    Certificate(String),
}

impl Binding {
    /// Whether the binding is the one that a manifest asks for.
    #[must_use]
    pub const fn suffices(&self, asked: Option<SenderConstraint>) -> bool {
        match asked {
            None => true,
            Some(SenderConstraint::Dpop) => matches!(self, Self::Key(_)),
            Some(SenderConstraint::Mtls) => matches!(self, Self::Certificate(_)),
        }
    }
}
