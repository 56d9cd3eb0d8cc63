//! The service's secrets, in one file that belongs to the operator and never to the repository:
//! what signs access tokens, seals personal data, indexes it, and keys fingerprints.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::personal::{PersonalKeys, SealError};
use crate::event::FingerprintKey;
use crate::jwt;

/// All secrets of the service, ready for use.
#[derive(Clone)]
pub struct Keys {
    pub personal: PersonalKeys,
    pub fingerprint: FingerprintKey,
    pub token: TokenKey,
}

/// The Ed25519 key pair that signs access tokens, receipts and heads; the type in a header keeps
/// them apart.
#[derive(Clone)]
pub struct TokenKey {
    pub kid: String,
    /// PKCS #8 (RFC 5958), DER.
    pub private_der: Vec<u8>,
    /// The public key's 32 bytes (RFC 8032), base64url as a JWK has it.
    pub public_x: String,
}

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("cannot read or write the key file {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the key file {path} is not what `tallystick keys` writes: {what}")]
    Malformed { path: PathBuf, what: String },
    #[error("the system gives no randomness")]
    NoRandomness,
    #[error(transparent)]
    Seal(#[from] SealError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    token_signing: String,
    personal_key_id: String,
    personal: String,
    phone_index: String,
    fingerprint: String,
}

impl TokenKey {
    /// The key of the sandbox's receipts and heads, made from this one: what comes from play can
    /// be told by its key from what is real.
    ///
    /// # Errors
    /// [`KeysError::NoRandomness`], where the library takes no such seed.
    pub fn of_sandbox(&self) -> Result<Self, KeysError> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &self.private_der);
        let seed = hmac::sign(&secret, b"tallystick: the key of the sandbox");
        let rejected = |_why| KeysError::NoRandomness;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(rejected)?;
        let der = pair.to_pkcs8v1().map_err(|_unspecified| KeysError::NoRandomness)?;
        let public_x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let kid = format!("sandbox-{}", public_x.chars().take(8).collect::<String>());
        Ok(Self { kid, private_der: der.as_ref().to_vec(), public_x })
    }

    /// Signs bytes under a type of their own.
    ///
    /// # Errors
    /// jsonwebtoken's.
    pub fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header {
            typ: Some(typ.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jwt::sign(&header, payload, &EncodingKey::from_ed_der(&self.private_der))
    }

    /// What this key has signed under that type; `None` when it has not.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Option<T> {
        let header = jwt::header(token, &[typ]).ok()?;
        if header.kid.as_deref() != Some(&self.kid) || header.alg != Algorithm::EdDSA {
            return None;
        }
        let key = DecodingKey::from_ed_components(&self.public_x).ok()?;
        jwt::open(token, Algorithm::EdDSA, &key).ok()
    }
}

impl Keys {
    /// Reads the key file.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        let text = fs::read_to_string(path)
            .map_err(|source| KeysError::File { path: path.to_owned(), source })?;
        let malformed = |what: String| KeysError::Malformed { path: path.to_owned(), what };
        let document: Document =
            toml::from_str(&text).map_err(|error| malformed(error.message().to_owned()))?;
        let decode = |name: &str, text: &str| {
            STANDARD.decode(text).map_err(|_bad| malformed(format!("{name} is not base64")))
        };
        let sealing: [u8; 32] = decode("personal", &document.personal)?
            .try_into()
            .map_err(|_length| malformed("personal is not 32 bytes".to_owned()))?;
        let index = decode("phone_index", &document.phone_index)?;
        let private_der = decode("token_signing", &document.token_signing)?;
        let pair = Ed25519KeyPair::from_pkcs8(&private_der)
            .map_err(|_rejected| malformed("token_signing is not an Ed25519 key".to_owned()))?;
        let public_x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let kid = format!("ts-{}", public_x.chars().take(8).collect::<String>());
        Ok(Self {
            personal: PersonalKeys::new(&document.personal_key_id, &sealing, &index)?,
            fingerprint: FingerprintKey::new(&decode("fingerprint", &document.fingerprint)?),
            token: TokenKey { kid, private_der, public_x },
        })
    }

    /// Reads the key file, after making one with fresh secrets where there is none. The second
    /// value says whether it was made. Only the owner may read it (mode 0600).
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load_or_create(path: &Path) -> Result<(Self, bool), KeysError> {
        let made = !path.exists() && create(path)?;
        Ok((Self::load(path)?, made))
    }
}

/// Makes a key file; `false` when another process has made it meanwhile.
fn create(path: &Path) -> Result<bool, KeysError> {
    let document = Document {
        token_signing: STANDARD.encode(
            Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new())
                .map_err(|_none| KeysError::NoRandomness)?,
        ),
        personal_key_id: "personal-1".to_owned(),
        personal: random_secret()?,
        phone_index: random_secret()?,
        fingerprint: random_secret()?,
    };
    let file = |source| KeysError::File { path: path.to_owned(), source };
    let text = toml::to_string(&document)
        .map_err(|error| KeysError::Malformed { path: path.to_owned(), what: error.to_string() })?;
    // Written beside and linked into place, so that nobody ever reads half a key file.
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(&beside).map_err(file)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(file)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside).map_err(file)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(file(source)),
    }
}

fn random_secret() -> Result<String, KeysError> {
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_none| KeysError::NoRandomness)?;
    Ok(STANDARD.encode(secret))
}
