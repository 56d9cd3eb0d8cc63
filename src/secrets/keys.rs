//! The service's secrets, which belong to the operator and never to the repository: what signs
//! access tokens, seals personal data, indexes it, and keys fingerprints. In a file, or wherever
//! `key_source` finds them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::key_set::{self, DatedKey};
use super::key_source::{self, KeySource};
use super::token_keys::TokenKeysError;
pub use super::token_keys::{TokenKey, TokenKeys};
use crate::clock::{self, Moment};
use crate::customer::personal::{PersonalKeys, SealError};
use crate::event::FingerprintKey;
use crate::webhook::WebhookKeys;

/// All secrets of the service, ready for use.
#[derive(Clone)]
pub struct Keys {
    pub personal: PersonalKeys,
    pub fingerprint: FingerprintKey,
    /// They sign access tokens, receipts and heads.
    pub token: TokenKeys,
    /// Made from those, one from each: they sign the sandbox's receipts and heads, so that what
    /// comes from play can be told by its key from what is real.
    pub sandbox: TokenKeys,
    /// From the fingerprints' secret, which is never rotated either.
    pub webhook: WebhookKeys,
}

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("cannot read or write the key file {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the keys from {place} are not what `tallystick keys` writes: {what}")]
    Malformed { place: String, what: String },
    #[error("the keys from {place} cannot be had: {why}")]
    Source { place: String, why: String },
    #[error("the system gives no randomness")]
    NoRandomness,
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The keys as they are written down. The oldest keys of personal data stand by themselves, as all
/// did before there was rotation; the others are dated.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    token_signing: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) personal_key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) personal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) phone_index: Option<String>,
    fingerprint: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) personal_keys: Vec<DatedKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) index_keys: Vec<DatedKey>,
    /// From when on no access token by `token_signing` is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_signing_until: Option<String>,
    /// Those that came after `token_signing`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    token_keys: Vec<TokenEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    private: String,
    from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl Document {
    /// From TOML, or from JSON as a command prints it.
    pub(super) fn read(text: &str, place: &str) -> Result<Self, KeysError> {
        let malformed = |what: String| KeysError::Malformed { place: place.to_owned(), what };
        if text.trim_start().starts_with('{') {
            // Only where it is wrong: serde_json's own words may repeat what stands there.
            serde_json::from_str(text).map_err(|error| {
                malformed(format!("line {} column {}", error.line(), error.column()))
            })
        } else {
            toml::from_str(text).map_err(|error| malformed(error.message().to_owned()))
        }
    }

    pub(super) fn to_toml(&self, place: &str) -> Result<String, KeysError> {
        let what = |error: toml::ser::Error| error.to_string();
        toml::to_string(self)
            .map_err(|error| KeysError::Malformed { place: place.to_owned(), what: what(error) })
    }
}

impl Keys {
    /// Reads the key file.
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        let text = fs::read_to_string(path)
            .map_err(|source| KeysError::File { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the keys from wherever they are; a file with fresh ones is made where there is none.
    /// The second value says whether it was.
    pub fn from_source(source: &KeySource) -> Result<(Self, bool), KeysError> {
        match source {
            KeySource::File(path) => Self::load_or_create(path),
            KeySource::Env(_) | KeySource::Command { .. } => {
                let text = key_source::text(source)?;
                Ok((Self::parse(&text, &source.to_string())?, false))
            }
        }
    }

    /// Reads the keys as they hold now. `place` is where they are from, for errors.
    pub fn parse(text: &str, place: &str) -> Result<Self, KeysError> {
        let document = Document::read(text, place)?;
        let malformed = |what: String| KeysError::Malformed { place: place.to_owned(), what };
        let decode = |name: &str, text: &str| {
            STANDARD.decode(text).map_err(|_bad| malformed(format!("{name} is not base64")))
        };
        let ring = key_set::ring(&document, clock::now()).map_err(malformed)?;
        let fingerprint = decode("fingerprint", &document.fingerprint)?;
        Ok(Self {
            personal: PersonalKeys::new(ring),
            fingerprint: FingerprintKey::new(&fingerprint),
            webhook: WebhookKeys::new(&fingerprint),
            token: token_keys(&document, TokenKey::new).map_err(malformed)?,
            sandbox: token_keys(&document, TokenKey::for_sandbox).map_err(malformed)?,
        })
    }

    /// Reads the key file, after making one with fresh secrets where there is none. The second
    /// value says whether it was made. Only the owner may read it (mode 0600).
    pub fn load_or_create(path: &Path) -> Result<(Self, bool), KeysError> {
        let made = !path.exists() && create(path)?;
        Ok((Self::load(path)?, made))
    }
}

impl Document {
    /// Adds a key that signs access tokens, receipts and heads from a moment on, and returns its
    /// name. Given up, the keys before it vouch for no access token from then on; else for those
    /// that they have signed.
    pub(super) fn add_token_key(
        &mut self,
        from: Moment,
        give_up: bool,
    ) -> Result<String, KeysError> {
        if give_up {
            // Who has the key set has the key that was to come, too.
            self.token_keys.retain(|entry| Moment::parse(&entry.from).is_some_and(|it| it < from));
            let until = || Some(from.to_string());
            self.token_signing_until = self.token_signing_until.take().or_else(until);
            for entry in &mut self.token_keys {
                entry.until = entry.until.take().or_else(until);
            }
        }
        let private = new_token_key()?;
        self.token_keys.push(TokenEntry { private, from: from.to_string(), until: None });
        let malformed = |what: String| KeysError::Malformed { place: "here".to_owned(), what };
        let keys = token_keys(self, TokenKey::new).map_err(malformed)?.all();
        Ok(keys.last().map(|key| key.kid.clone()).unwrap_or_default())
    }
}

/// The keys of tokens, each made of its PKCS #8 document by `make`.
fn token_keys(document: &Document, make: MakeKey) -> Result<TokenKeys, String> {
    let moment = |text: &String| {
        Moment::parse(text).ok_or_else(|| format!("{text:?} is not a time (RFC 3339)"))
    };
    let key = |private: &str, from: Option<Moment>, until: Option<&String>| {
        let der =
            STANDARD.decode(private).map_err(|_bad| "a token key is not base64".to_owned())?;
        let until = until.map(moment).transpose()?;
        make(&der, from, until).map_err(|error| format!("a token key: {error}"))
    };
    let first = key(&document.token_signing, None, document.token_signing_until.as_ref())?;
    let mut keys = vec![first];
    for entry in &document.token_keys {
        keys.push(key(&entry.private, Some(moment(&entry.from)?), entry.until.as_ref())?);
    }
    TokenKeys::new(keys).map_err(|error| format!("token keys: {error}"))
}

type MakeKey = fn(&[u8], Option<Moment>, Option<Moment>) -> Result<TokenKey, TokenKeysError>;

fn new_token_key() -> Result<String, KeysError> {
    let pair = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new());
    Ok(STANDARD.encode(pair.map_err(|_none| KeysError::NoRandomness)?))
}

/// Makes a key file; `false` when another process has made it meanwhile.
fn create(path: &Path) -> Result<bool, KeysError> {
    let document = Document {
        token_signing: new_token_key()?,
        personal_key_id: Some("personal-1".to_owned()),
        personal: Some(random_secret()?),
        phone_index: Some(random_secret()?),
        fingerprint: random_secret()?,
        personal_keys: Vec::new(),
        index_keys: Vec::new(),
        token_signing_until: None,
        token_keys: Vec::new(),
    };
    let file = |source| KeysError::File { path: path.to_owned(), source };
    let beside = write_beside(path, &document.to_toml(&path.display().to_string())?)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside).map_err(file)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(file(source)),
    }
}

/// Writes the text into a file beside, which only its owner may read: linked or renamed into place
/// afterwards, so that nobody ever reads half a key file.
pub(super) fn write_beside(path: &Path, text: &str) -> Result<PathBuf, KeysError> {
    let file = |source| KeysError::File { path: path.to_owned(), source };
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(&beside).map_err(file)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(file)?;
    Ok(beside)
}

pub(super) fn random_secret() -> Result<String, KeysError> {
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_none| KeysError::NoRandomness)?;
    Ok(STANDARD.encode(secret))
}
