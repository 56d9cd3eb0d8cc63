//! The service's secrets, in one file that belongs to the operator and never to the repository:
//! what signs access tokens, seals personal data, indexes it, and keys fingerprints.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::personal::{PersonalKeys, SealError};
pub use super::token_keys::{TokenKey, TokenKeys};
use crate::clock::Moment;
use crate::event::FingerprintKey;

/// All secrets of the service, ready for use.
#[derive(Clone)]
pub struct Keys {
    pub personal: PersonalKeys,
    pub fingerprint: FingerprintKey,
    /// They sign access tokens, receipts and heads.
    pub token: TokenKeys,
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

impl Keys {
    /// Reads the key file.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        let malformed = |what: String| KeysError::Malformed { path: path.to_owned(), what };
        let document = read(path)?;
        let decode = |name: &str, text: &str| {
            STANDARD.decode(text).map_err(|_bad| malformed(format!("{name} is not base64")))
        };
        let sealing: [u8; 32] = decode("personal", &document.personal)?
            .try_into()
            .map_err(|_length| malformed("personal is not 32 bytes".to_owned()))?;
        let index = decode("phone_index", &document.phone_index)?;
        Ok(Self {
            personal: PersonalKeys::new(&document.personal_key_id, &sealing, &index)?,
            fingerprint: FingerprintKey::new(&decode("fingerprint", &document.fingerprint)?),
            token: token_keys(&document).map_err(malformed)?,
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

/// Adds a key that signs access tokens, receipts and heads from a moment on, and returns its name.
/// Given up, the keys before it vouch for no access token from then on; else for those that they
/// have signed.
///
/// # Errors
/// [`KeysError`]; the file is then as it was.
pub fn add_token_key(path: &Path, from: Moment, give_up: bool) -> Result<String, KeysError> {
    let mut document = read(path)?;
    if give_up {
        // Who has the file has the key that was to come, too.
        document.token_keys.retain(|entry| Moment::parse(&entry.from).is_some_and(|it| it < from));
        let until = || Some(from.to_string());
        document.token_signing_until = document.token_signing_until.or_else(until);
        for entry in &mut document.token_keys {
            entry.until = entry.until.take().or_else(until);
        }
    }
    let private = new_token_key()?;
    document.token_keys.push(TokenEntry { private, from: from.to_string(), until: None });
    let malformed = |what: String| KeysError::Malformed { path: path.to_owned(), what };
    let keys = token_keys(&document).map_err(malformed)?;
    let file = |source| KeysError::File { path: path.to_owned(), source };
    let beside = write_beside(path, &document)?;
    fs::rename(&beside, path).map_err(file)?;
    Ok(keys.all().last().map(|key| key.kid.clone()).unwrap_or_default())
}

fn read(path: &Path) -> Result<Document, KeysError> {
    let file = |source| KeysError::File { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(file)?;
    toml::from_str(&text).map_err(|error: toml::de::Error| KeysError::Malformed {
        path: path.to_owned(),
        what: error.message().to_owned(),
    })
}

fn token_keys(document: &Document) -> Result<TokenKeys, String> {
    let moment = |text: &String| {
        Moment::parse(text).ok_or_else(|| format!("{text:?} is not a time (RFC 3339)"))
    };
    let key = |private: &str, from: Option<Moment>, until: Option<&String>| {
        let der =
            STANDARD.decode(private).map_err(|_bad| "a token key is not base64".to_owned())?;
        let until = until.map(moment).transpose()?;
        TokenKey::new(&der, from, until).map_err(|error| format!("a token key: {error}"))
    };
    let first = key(&document.token_signing, None, document.token_signing_until.as_ref())?;
    let mut keys = vec![first];
    for entry in &document.token_keys {
        keys.push(key(&entry.private, Some(moment(&entry.from)?), entry.until.as_ref())?);
    }
    TokenKeys::new(keys).map_err(|error| format!("token keys: {error}"))
}

fn new_token_key() -> Result<String, KeysError> {
    let pair = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new());
    Ok(STANDARD.encode(pair.map_err(|_none| KeysError::NoRandomness)?))
}

/// Makes a key file; `false` when another process has made it meanwhile.
fn create(path: &Path) -> Result<bool, KeysError> {
    let document = Document {
        token_signing: new_token_key()?,
        personal_key_id: "personal-1".to_owned(),
        personal: random_secret()?,
        phone_index: random_secret()?,
        fingerprint: random_secret()?,
        token_signing_until: None,
        token_keys: Vec::new(),
    };
    let file = |source| KeysError::File { path: path.to_owned(), source };
    // Linked into place, so that nobody ever reads half a key file.
    let beside = write_beside(path, &document)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside).map_err(file)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(file(source)),
    }
}

/// Writes a key file beside the place where it is to stand.
fn write_beside(path: &Path, document: &Document) -> Result<PathBuf, KeysError> {
    let file = |source| KeysError::File { path: path.to_owned(), source };
    let text = toml::to_string(document)
        .map_err(|error| KeysError::Malformed { path: path.to_owned(), what: error.to_string() })?;
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(&beside).map_err(file)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(file)?;
    Ok(beside)
}

fn random_secret() -> Result<String, KeysError> {
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_none| KeysError::NoRandomness)?;
    Ok(STANDARD.encode(secret))
}
