//! The key set as it is written down: TOML in a key file, or JSON from a command or a variable.

use std::path::PathBuf;

use aws_lc_rs::rand;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::token_keys::{TokenKey, TokenKeys, TokenKeysError};
use crate::clock::Moment;
use crate::customer::personal::SealError;

/// Why the key set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("cannot read or write the key file {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "others than its owner may use the key file {path} (mode {mode:04o}): take that away with \
         `chmod 600 {path}`"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "the key file {0} was changed by somebody else meanwhile: nothing is changed, try again"
    )]
    ChangedMeanwhile(PathBuf),
    #[error("the keys from {place} are not what `tallystick keys` writes: {what}")]
    Malformed { place: String, what: String },
    #[error("the keys from {place} cannot be had: {why}")]
    Source { place: String, why: String },
    #[error("the system gives no randomness")]
    NoRandomness,
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The key set. The oldest keys for personal data stand in fields of their own, as all keys did
/// before there was rotation; later keys are dated.
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
    pub(super) fingerprint: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) personal_keys: Vec<DatedKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) index_keys: Vec<DatedKey>,
    /// From this time on, access tokens by `token_signing` are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_signing_until: Option<String>,
    /// The token keys after `token_signing`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    token_keys: Vec<DatedTokenKey>,
}

/// A key for personal data that came after the first one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatedKey {
    pub(super) id: String,
    /// 32 bytes, base64.
    pub(super) key: String,
    /// RFC 3339: from this time on the key seals, or indexes.
    pub(super) from: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatedTokenKey {
    private: String,
    from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// Makes a token key from its PKCS #8 document: `from` when it signs, `until` when it is refused.
pub(super) type MakeKey =
    fn(&[u8], Option<Moment>, Option<Moment>) -> Result<TokenKey, TokenKeysError>;

impl Document {
    /// A key set with fresh secrets.
    pub(super) fn fresh() -> Result<Self, KeysError> {
        Ok(Self {
            token_signing: new_token_key()?,
            personal_key_id: Some("personal-1".to_owned()),
            personal: Some(random_secret()?),
            phone_index: Some(random_secret()?),
            fingerprint: random_secret()?,
            personal_keys: Vec::new(),
            index_keys: Vec::new(),
            token_signing_until: None,
            token_keys: Vec::new(),
        })
    }

    /// Reads TOML, or JSON if the text begins with a brace. `place` names the source in errors.
    pub(super) fn read(text: &str, place: &str) -> Result<Self, KeysError> {
        let malformed = |what: String| KeysError::Malformed { place: place.to_owned(), what };
        if text.trim_start().starts_with('{') {
            // The message of serde_json may repeat a secret, so only the place is told.
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

    /// All token keys, each made from its PKCS #8 document by `make`.
    pub(super) fn token_keys(&self, make: MakeKey) -> Result<TokenKeys, String> {
        let moment = |text: &String| {
            Moment::parse(text).ok_or_else(|| format!("{text:?} is not a time (RFC 3339)"))
        };
        let key = |private: &str, from: Option<Moment>, until: Option<&String>| {
            let der =
                STANDARD.decode(private).map_err(|_bad| "a token key is not base64".to_owned())?;
            let until = until.map(moment).transpose()?;
            make(&der, from, until).map_err(|error| format!("a token key: {error}"))
        };
        let mut keys = vec![key(&self.token_signing, None, self.token_signing_until.as_ref())?];
        for dated in &self.token_keys {
            keys.push(key(&dated.private, Some(moment(&dated.from)?), dated.until.as_ref())?);
        }
        TokenKeys::new(keys).map_err(|error| format!("token keys: {error}"))
    }

    /// Adds a key that signs access tokens, receipts and heads from a time on, and returns its
    /// name. With `give_up`, access tokens by the keys before it are refused from that time on.
    pub(super) fn add_token_key(
        &mut self,
        from: Moment,
        give_up: bool,
    ) -> Result<String, KeysError> {
        if give_up {
            // Whoever has the stolen key set also has the key that was to come next.
            self.token_keys.retain(|key| Moment::parse(&key.from).is_some_and(|next| next < from));
            let until = || Some(from.to_string());
            self.token_signing_until = self.token_signing_until.take().or_else(until);
            for key in &mut self.token_keys {
                key.until = key.until.take().or_else(until);
            }
        }
        let private = new_token_key()?;
        self.token_keys.push(DatedTokenKey { private, from: from.to_string(), until: None });
        let malformed = |what: String| KeysError::Malformed { place: "here".to_owned(), what };
        let keys = self.token_keys(TokenKey::new).map_err(malformed)?.all();
        Ok(keys.last().map(|key| key.kid.clone()).unwrap_or_default())
    }
}

/// A new Ed25519 key pair as PKCS #8, base64.
fn new_token_key() -> Result<String, KeysError> {
    let pair = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new());
    Ok(STANDARD.encode(pair.map_err(|_none| KeysError::NoRandomness)?))
}

/// 32 random bytes, base64.
pub(super) fn random_secret() -> Result<String, KeysError> {
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_none| KeysError::NoRandomness)?;
    Ok(STANDARD.encode(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_toml_is_and_an_error_shows_no_secret() {
        let json = serde_json::to_string(&Document::fresh().unwrap()).unwrap();
        assert!(Document::read(&json, "a command").is_ok());
        let wrong = json.replace("fingerprint", "hunter2");
        let error = Document::read(&wrong, "a command").err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
