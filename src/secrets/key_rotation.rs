//! A new key, for personal data or to sign tokens, and an older one taken away, in the key file or,
//! where the keys are elsewhere, as a key set to be put there.

use std::fs;
use std::path::Path;

use chrono::TimeDelta;

use super::key_set::{self, KeyKind, Standing};
use super::key_source::{self, KeySource};
use super::keys::{Document, KeysError, random_secret, write_beside};
use crate::clock::{self, Moment};

/// A changed key set.
pub struct Changed {
    /// The key that was added or taken away.
    pub id: String,
    /// The whole set as JSON, where it is not in a file: to be put where it comes from.
    pub json: Option<String>,
}

/// Adds a key that seals, or indexes, from `wait` from now on.
pub fn rotate(source: &KeySource, kind: KeyKind, wait: TimeDelta) -> Result<Changed, KeysError> {
    change(source, |document| {
        let (now, key) = (clock::now(), random_secret()?);
        key_set::add(document, kind, key, (now.plus(wait), now)).map_err(|why| wrong(source, why))
    })
}

/// Adds a key that signs access tokens, receipts and heads from a moment on. Given up, the keys
/// before it vouch for no access token from then on.
pub fn rotate_token(source: &KeySource, from: Moment, give_up: bool) -> Result<Changed, KeysError> {
    change(source, |document| document.add_token_key(from, give_up))
}

/// Takes an older key away; whoever asks has seen that nothing is sealed with it.
pub fn retire(source: &KeySource, id: &str) -> Result<Changed, KeysError> {
    change(source, |document| {
        let removed = key_set::remove(document, id, clock::now());
        removed.map(|_kind| id.to_owned()).map_err(|why| wrong(source, why))
    })
}

/// Every key of a kind and how it stands, the oldest first.
pub fn standings(source: &KeySource, kind: KeyKind) -> Result<Vec<(String, Standing)>, KeysError> {
    let document = Document::read(&key_source::text(source)?, &source.to_string())?;
    key_set::standings(&document, kind, clock::now()).map_err(|why| wrong(source, why))
}

fn change(
    source: &KeySource,
    work: impl FnOnce(&mut Document) -> Result<String, KeysError>,
) -> Result<Changed, KeysError> {
    let place = source.to_string();
    let mut document = Document::read(&key_source::text(source)?, &place)?;
    let id = work(&mut document)?;
    let json = match source {
        KeySource::File(path) => {
            replace(path, &document.to_toml(&place)?)?;
            None
        }
        KeySource::Env(_) | KeySource::Command { .. } => {
            let json = serde_json::to_string(&document);
            Some(json.map_err(|error| wrong(source, error.to_string()))?)
        }
    };
    Ok(Changed { id, json })
}

fn replace(path: &Path, text: &str) -> Result<(), KeysError> {
    let file = |source| KeysError::File { path: path.to_owned(), source };
    let beside = write_beside(path, text)?;
    fs::rename(&beside, path).map_err(file)
}

fn wrong(source: &KeySource, what: String) -> KeysError {
    KeysError::Malformed { place: source.to_string(), what }
}
