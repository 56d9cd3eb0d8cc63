//! Secrets that a browser keeps, with a seal that shows that we gave them: a keyed hash, by a key that is
//! never rotated. A secret that somebody made up has no such seal, and costs no read of the database.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::forms::is_token;
use crate::event::FingerprintKey;

/// The secret and its seal. The seal is good for one use of the secret, which `used_as` names.
pub fn sealed(key: &FingerprintKey, secret: &str, used_as: &str) -> String {
    let seal = key.of_parts(&[used_as.as_bytes(), secret.as_bytes()]);
    format!("{secret}.{}", URL_SAFE_NO_PAD.encode(seal))
}

/// The secret of a text that [`sealed`] made for the same use.
pub fn opened<'t>(key: &FingerprintKey, text: &'t str, used_as: &str) -> Option<&'t str> {
    let (secret, _seal) = text.split_once('.')?;
    is_token(&sealed(key, secret, used_as), text).then_some(secret)
}
