//! A partner's private key, as `tallystick partners keygen` writes it.

use std::path::Path;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

use crate::cli::Failure;
use crate::jwt;

/// A key that signs as the partner.
pub struct PrivateKey {
    pub kid: String,
    pub algorithm: Algorithm,
    signing: EncodingKey,
}

impl PrivateKey {
    /// Reads a private JWK (RFC 7517) of Ed25519 or P-256.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let jwk: Value = serde_json::from_str(&text)?;
        let member = |name: &str| -> Result<Vec<u8>, Failure> {
            let text = jwk.get(name).and_then(Value::as_str);
            let text = text.ok_or_else(|| format!("{}: no member {name}", path.display()))?;
            Ok(URL_SAFE_NO_PAD.decode(text)?)
        };
        let kid = jwk.get("kid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = jwk.get("crv").and_then(Value::as_str).unwrap_or_default();
        let (algorithm, signing) = match kind {
            "Ed25519" => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&member("d")?, &member("x")?)?;
                let der = pair.to_pkcs8v1()?;
                (Algorithm::EdDSA, EncodingKey::from_ed_der(der.as_ref()))
            }
            "P-256" => {
                let point = [vec![4], member("x")?, member("y")?].concat();
                let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(curve, &member("d")?, &point)?;
                let der = pair.to_pkcs8v1()?;
                (Algorithm::ES256, EncodingKey::from_ec_der(der.as_ref()))
            }
            _ => {
                let what = "expected a private JWK of Ed25519 or P-256, as keygen writes it";
                return Err(format!("{}: {what}", path.display()).into());
            }
        };
        Ok(Self { kid, algorithm, signing })
    }

    /// A JWT with exactly these claims.
    ///
    /// # Errors
    /// jsonwebtoken's.
    pub fn sign(&self, claims: &Value) -> Result<String, Failure> {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) };
        Ok(jwt::sign(&header, claims.to_string().as_bytes(), &self.signing)?)
    }

    /// A signature over bytes, in base64, for HTTP Message Signatures (RFC 9421).
    ///
    /// # Errors
    /// jsonwebtoken's.
    pub fn sign_bytes(&self, bytes: &[u8]) -> Result<String, Failure> {
        let text = jsonwebtoken::crypto::sign(bytes, &self.signing, self.algorithm)?;
        Ok(STANDARD.encode(URL_SAFE_NO_PAD.decode(text)?))
    }
}
