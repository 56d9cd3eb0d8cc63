//! The service's secrets: keys that sign access tokens, that seal and index personal data, and that
//! make fingerprints. They belong to the operator and never to the repository.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::document::Document;
pub use super::document::KeysError;
use super::key_source::{self, KeySource};
pub use super::token_keys::{TokenKey, TokenKeys};
use super::{key_file, key_set};
use crate::clock;
use crate::customer::personal::PersonalKeys;
use crate::event::FingerprintKey;
use crate::webhook::WebhookKeys;

/// All secrets of the service, ready for use.
#[derive(Clone)]
pub struct Keys {
    pub personal: PersonalKeys,
    pub fingerprint: FingerprintKey,
    /// They sign access tokens, receipts and heads.
    pub token: TokenKeys,
    /// One made from each token key. They sign the receipts and heads of the sandbox, so that its
    /// key alone tells a sandbox's receipt from a real one.
    pub sandbox: TokenKeys,
    /// Derived from the secret of the fingerprints, which is never rotated.
    pub webhook: WebhookKeys,
}

impl Keys {
    /// Reads the key file.
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        Self::parse(&key_file::read(path)?, &path.display().to_string())
    }

    /// Reads the keys from their source. A key file that is missing is made, with fresh secrets;
    /// then the second value is `true`.
    pub fn from_source(source: &KeySource) -> Result<(Self, bool), KeysError> {
        match source {
            KeySource::File(path) => Self::load_or_create(path),
            KeySource::Env(_) | KeySource::Command { .. } => {
                let text = key_source::text(source)?;
                Ok((Self::parse(&text, &source.to_string())?, false))
            }
        }
    }

    /// Reads the keys as they hold now. `place` names their source in errors.
    pub fn parse(text: &str, place: &str) -> Result<Self, KeysError> {
        let document = Document::read(text, place)?;
        let malformed = |what: String| KeysError::Malformed { place: place.to_owned(), what };
        let ring = key_set::ring(&document, clock::now()).map_err(malformed)?;
        let fingerprint = STANDARD.decode(&document.fingerprint);
        let fingerprint =
            fingerprint.map_err(|_bad| malformed("fingerprint is not base64".to_owned()))?;
        Ok(Self {
            personal: PersonalKeys::new(ring),
            fingerprint: FingerprintKey::new(&fingerprint),
            webhook: WebhookKeys::new(&fingerprint),
            token: document.token_keys(TokenKey::new).map_err(malformed)?,
            sandbox: document.token_keys(TokenKey::for_sandbox).map_err(malformed)?,
        })
    }

    /// Reads the key file, or makes one with fresh secrets and mode 0600 if there is none. The
    /// second value says whether it was made.
    pub fn load_or_create(path: &Path) -> Result<(Self, bool), KeysError> {
        let made = !path.exists() && key_file::create(path)?;
        Ok((Self::load(path)?, made))
    }
}
