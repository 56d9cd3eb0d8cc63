//! Adds a new key, for personal data or to sign tokens, or takes an older key away. The key file is
//! changed in place. If the keys are elsewhere, the changed key set is returned, to be put there.

use chrono::TimeDelta;

use super::document::{Document, KeysError, random_secret};
use super::key_file;
use super::key_set::{self, KeyKind, KeyStanding};
use super::key_source::{self, KeySource};
use crate::clock::{self, Moment};

/// A changed key set.
pub struct Changed {
    /// The key that was added or taken away.
    pub id: String,
    /// The whole key set as JSON, if it is not in a file: to be put where the old one came from.
    pub json: Option<String>,
}

/// Adds a key that seals, or indexes, from `wait` from now on.
pub fn rotate(source: &KeySource, kind: KeyKind, wait: TimeDelta) -> Result<Changed, KeysError> {
    change(source, |document| {
        let (now, key) = (clock::now(), random_secret()?);
        key_set::add(document, kind, key, now.plus(wait), now).map_err(|why| wrong(source, why))
    })
}

/// Adds a key that signs access tokens, receipts and heads from a time on. With `give_up`, access
/// tokens by the keys before it are refused from that time on.
pub fn rotate_token(source: &KeySource, from: Moment, give_up: bool) -> Result<Changed, KeysError> {
    change(source, |document| document.add_token_key(from, give_up))
}

/// Takes an older key away. The caller has made sure that nothing is sealed or indexed with it.
pub fn retire(source: &KeySource, id: &str) -> Result<Changed, KeysError> {
    change(source, |document| {
        let removed = key_set::remove(document, id, clock::now());
        removed.map(|_kind| id.to_owned()).map_err(|why| wrong(source, why))
    })
}

/// Every key of a kind, the oldest first, and whether it is in use.
pub fn standings(
    source: &KeySource,
    kind: KeyKind,
) -> Result<Vec<(String, KeyStanding)>, KeysError> {
    let document = Document::read(&key_source::text(source)?, &source.to_string())?;
    key_set::standings(&document, kind, clock::now()).map_err(|why| wrong(source, why))
}

fn change(
    source: &KeySource,
    work: impl FnOnce(&mut Document) -> Result<String, KeysError>,
) -> Result<Changed, KeysError> {
    match source {
        KeySource::File(path) => Ok(Changed { id: key_file::change(path, work)?, json: None }),
        KeySource::Env(_) | KeySource::Command { .. } => {
            let mut document = Document::read(&key_source::text(source)?, &source.to_string())?;
            let id = work(&mut document)?;
            let json = serde_json::to_string(&document);
            let json = json.map_err(|error| wrong(source, error.to_string()))?;
            Ok(Changed { id, json: Some(json) })
        }
    }
}

fn wrong(source: &KeySource, what: String) -> KeysError {
    KeysError::Malformed { place: source.to_string(), what }
}
