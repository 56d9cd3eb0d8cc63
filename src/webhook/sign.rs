//! Secrets of endpoints, and signatures with them (Standard Webhooks 1.0, symmetric: `v1`).

use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ids::{EndpointId, MessageId};

/// The key from which the secrets of all endpoints are derived.
#[derive(Clone)]
pub struct WebhookKeys(std::sync::Arc<hkdf::Prk>);

/// The secret of one endpoint, in one version.
pub struct EndpointSecret([u8; 32]);

const SALT: &[u8] = b"tallystick webhook secrets";

impl WebhookKeys {
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(std::sync::Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret)))
    }

    /// Derives the secret by HKDF (RFC 5869) from endpoint and version. No secret is stored, so
    /// none can be stolen with the database. The result is never `None`: HKDF-SHA-256 can give 32
    /// bytes.
    #[must_use]
    pub fn secret(&self, endpoint: EndpointId, version: i64) -> Option<EndpointSecret> {
        let version = version.to_be_bytes();
        let info = [endpoint.bytes().as_slice(), &version];
        let mut secret = [0; 32];
        self.0.expand(&info, hkdf::HKDF_SHA256).ok()?.fill(&mut secret).ok()?;
        Some(EndpointSecret(secret))
    }
}

impl EndpointSecret {
    /// The secret as the partner gets it, once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// One signature for the header `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: MessageId, seconds: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }
}

impl std::fmt::Debug for WebhookKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_and_version_has_a_secret_of_its_own_and_always_the_same() {
        let keys = WebhookKeys::new(b"secret");
        let (one, other) = (EndpointId::random(), EndpointId::random());
        let reveal = |endpoint, version| keys.secret(endpoint, version).unwrap().reveal();
        assert_eq!(reveal(one, 1), reveal(one, 1));
        assert_ne!(reveal(one, 1), reveal(one, 2));
        assert_ne!(reveal(one, 1), reveal(other, 1));
        assert_ne!(WebhookKeys::new(b"other").secret(one, 1).unwrap().reveal(), reveal(one, 1));
        assert_eq!(reveal(one, 1).len(), "whsec_".len() + 44);
    }
}
