//! A key of the visitor's own, to which its tokens are bound (RFC 9449).

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use super::report::Rule;
use super::visitor::Answer;
use super::walk::{BOUND, Walk, Wanted};
use crate::cli::Failure;
use crate::partner::constraint::SenderConstraint;
use crate::{clock, jwt};

/// Makes proofs by a key that lives as long as the walk.
pub struct Prover {
    signing: EncodingKey,
    header: Header,
    /// The gateway's newest nonce.
    nonce: Mutex<Option<String>>,
}

impl Prover {
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self, Failure> {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?;
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref())?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let header = Header {
            typ: Some("dpop+jwt".to_owned()),
            jwk: Some(serde_json::from_value(json!({ "kty": "OKP", "crv": "Ed25519", "x": x }))?),
            ..Header::new(Algorithm::EdDSA)
        };
        let signing = EncodingKey::from_ed_der(der.as_ref());
        Ok(Self { signing, header, nonce: Mutex::new(None) })
    }

    /// A proof for one request.
    ///
    /// # Errors
    /// jsonwebtoken's.
    pub fn prove(&self, method: &str, uri: &str, token: Option<&str>) -> Result<String, Failure> {
        let mut claims = json!({
            "jti": uuid::Uuid::new_v4().to_string(), "htm": method, "htu": uri,
            "iat": clock::now().unix_seconds(),
        });
        let nonce = self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let hash = token.map(|token| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())));
        for (name, value) in [("nonce", nonce), ("ath", hash)] {
            if let (Some(value), Some(claims)) = (value, claims.as_object_mut()) {
                claims.insert(name.to_owned(), Value::String(value));
            }
        }
        Ok(jwt::sign(&self.header, claims.to_string().as_bytes(), &self.signing)?)
    }

    /// Keeps the nonce of an answer.
    pub fn note(&self, answer: &Answer) {
        let nonce = answer.header("dpop-nonce");
        if !nonce.is_empty() {
            let mut kept = self.nonce.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some(nonce.to_owned());
        }
    }

    /// Whether the gateway asks for the request again, with the nonce that it just gave.
    #[must_use]
    pub fn is_asked_for_a_nonce(&self, answer: &Answer) -> bool {
        let asked = "use_dpop_nonce";
        answer.slug() == asked
            || answer
                .headers
                .get_all("www-authenticate")
                .iter()
                .any(|line| line.to_str().is_ok_and(|line| line.contains(asked)))
    }
}

/// The rules for a partner whose tokens are bound.
pub async fn bound(walk: &mut Walk) {
    let rule = Rule::of(BOUND, "a bound token is worth nothing without a proof");
    match walk.partner.access.sender_constrained {
        Some(SenderConstraint::Dpop) => {}
        asked => {
            let asked = asked.map_or("nothing", SenderConstraint::name);
            walk.skip(rule, &format!("the manifest asks for {asked}"));
            return;
        }
    }
    let path = "/v1/sandbox/clock";
    let visitor = &walk.visitor;
    let bare = visitor.send(visitor.request(Method::GET, path).bearer_auth(&visitor.token)).await;
    walk.expect(rule, &bare, Wanted::of(401, ""));
    let visitor = &walk.visitor;
    let Some(prover) = &visitor.prover else { return };
    let uri = format!("{}{path}", visitor.issuer);
    let proof = prover.prove("GET", &uri, Some(&visitor.token)).unwrap_or_default();
    let request = || {
        let request = visitor.request(Method::GET, path).header("dpop", &proof);
        request.header("authorization", format!("DPoP {}", visitor.token))
    };
    let (first, again) = (visitor.send(request()).await, visitor.send(request()).await);
    walk.expect(
        Rule::of(BOUND, "a proof with the gateway's nonce is taken"),
        &first,
        Wanted::of(200, ""),
    );
    walk.expect(
        Rule::of(BOUND, "a proof that was shown is refused (jti)"),
        &again,
        Wanted::of(401, ""),
    );
}
