//! Several keys for personal data, each with an id and a time from which it is the one that seals:
//! a new one is known to every gateway before any of them uses it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::keys::Document;
use crate::clock::Moment;
use crate::customer::personal::{FIRST_INDEX, Ring};

/// A key beside the first one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatedKey {
    pub id: String,
    /// 32 bytes, base64.
    pub key: String,
    /// RFC 3339: from then on it seals, or indexes.
    pub from: String,
}

/// Which keys are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// What seals personal data.
    Personal,
    /// What phone numbers are found by.
    Index,
}

/// A key with its id, ready for use.
struct Held {
    id: String,
    key: Vec<u8>,
    from: Option<Moment>,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It opens what it sealed.
    Older,
    /// It seals.
    Current,
    /// It seals from then on.
    Next(Moment),
}

/// The keys of personal data as they hold at a moment.
///
/// # Errors
/// What is wrong with the document, without its secrets.
pub(super) fn ring(document: &Document, now: Moment) -> Result<Ring, String> {
    let sealing = held(document, KeyKind::Personal)?;
    let index = held(document, KeyKind::Index)?;
    let (first, first_index) = (current(&sealing, now)?, current(&index, now)?);
    let mut ring = Ring::new((&first.id, &first.key), (&first_index.id, &first_index.key))
        .map_err(|error| error.to_string())?;
    for key in sealing.iter().filter(|key| key.id != first.id) {
        ring = ring.with(&key.id, &key.key).map_err(|error| error.to_string())?;
    }
    for key in index.iter().filter(|key| key.id != first_index.id) {
        ring = ring.with_index(&key.id, &key.key);
    }
    Ok(ring)
}

/// Every key of a kind and how it stands, the oldest first.
///
/// # Errors
/// What is wrong with the document.
pub(super) fn standings(
    document: &Document,
    kind: KeyKind,
    now: Moment,
) -> Result<Vec<(String, Standing)>, String> {
    let keys = held(document, kind)?;
    let current = current(&keys, now)?.id.clone();
    let standing = |key: Held| {
        let standing = match key.from {
            _ if key.id == current => Standing::Current,
            Some(from) if from > now => Standing::Next(from),
            _ => Standing::Older,
        };
        (key.id, standing)
    };
    Ok(keys.into_iter().map(standing).collect())
}

/// Adds a key that seals from then on; returns its id.
///
/// # Errors
/// When one that was added before does not seal yet, or the document is wrong.
pub(super) fn add(
    document: &mut Document,
    kind: KeyKind,
    key: String,
    (from, now): (Moment, Moment),
) -> Result<String, String> {
    let there = standings(document, kind, now)?;
    if let Some((id, Standing::Next(from))) =
        there.iter().find(|(_id, standing)| matches!(standing, Standing::Next(_)))
    {
        return Err(format!("{id} was added already and seals from {from}"));
    }
    let number = |id: &str| id.rsplit_once('-').and_then(|(_name, number)| number.parse().ok());
    let last: u32 = there.iter().filter_map(|(id, _standing)| number(id)).max().unwrap_or(1);
    let (list, name) = match kind {
        KeyKind::Personal => (&mut document.personal_keys, "personal"),
        KeyKind::Index => (&mut document.index_keys, "index"),
    };
    let id = format!("{name}-{}", last.saturating_add(1));
    list.push(DatedKey { id: id.clone(), key, from: from.to_string() });
    Ok(id)
}

/// Takes an older key away. Whoever asks has seen that nothing is sealed with it.
///
/// # Errors
/// When there is none of that id, or it is not an older one.
pub(super) fn remove(document: &mut Document, id: &str, now: Moment) -> Result<KeyKind, String> {
    for kind in [KeyKind::Personal, KeyKind::Index] {
        let there = standings(document, kind, now)?;
        let Some((_id, standing)) = there.iter().find(|(known, _standing)| known == id) else {
            continue;
        };
        if *standing != Standing::Older {
            return Err(format!("{id} is in use, or about to be: only an older key can go"));
        }
        match kind {
            KeyKind::Personal if document.personal_key_id.as_deref() == Some(id) => {
                document.personal_key_id = None;
                document.personal = None;
            }
            KeyKind::Index if id == FIRST_INDEX => document.phone_index = None,
            KeyKind::Personal => document.personal_keys.retain(|key| key.id != id),
            KeyKind::Index => document.index_keys.retain(|key| key.id != id),
        }
        return Ok(kind);
    }
    Err(format!("there is no key {id}"))
}

/// The keys of a kind, the oldest first.
fn held(document: &Document, kind: KeyKind) -> Result<Vec<Held>, String> {
    let decode = |id: &str, text: &str| {
        let key = STANDARD.decode(text).map_err(|_bad| format!("{id} is not base64"))?;
        match kind {
            KeyKind::Personal if key.len() != 32 => Err(format!("{id} is not 32 bytes")),
            KeyKind::Personal | KeyKind::Index => Ok(key),
        }
    };
    let (first, dated) = match kind {
        KeyKind::Personal => {
            let id = document.personal_key_id.as_deref().unwrap_or("personal-1");
            (document.personal.as_deref().map(|key| (id, key)), &document.personal_keys)
        }
        KeyKind::Index => {
            let first = document.phone_index.as_deref().map(|key| (FIRST_INDEX, key));
            (first, &document.index_keys)
        }
    };
    let mut keys = Vec::new();
    if let Some((id, text)) = first {
        keys.push(Held { id: id.to_owned(), key: decode(id, text)?, from: None });
    }
    for DatedKey { id, key, from } in dated {
        let from = Moment::parse(from).ok_or_else(|| format!("{id}: from is not a date-time"))?;
        if keys.iter().any(|known| known.id == *id) {
            return Err(format!("there are two keys {id}"));
        }
        keys.push(Held { id: id.clone(), key: decode(id, key)?, from: Some(from) });
    }
    keys.sort_by_key(|key| key.from);
    Ok(keys)
}

/// The newest that seals already.
fn current(keys: &[Held], now: Moment) -> Result<&Held, String> {
    let begun = |key: &&Held| key.from.is_none_or(|from| from <= now);
    keys.iter().rev().find(begun).ok_or_else(|| "no key holds now".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T10:00:00Z";

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn document() -> Document {
        let key = STANDARD.encode([7; 32]);
        let text = format!(
            "token_signing = \"\"\npersonal_key_id = \"personal-1\"\npersonal = \"{key}\"\n\
             phone_index = \"{key}\"\nfingerprint = \"{key}\"\n"
        );
        Document::read(&text, "here").unwrap()
    }

    #[test]
    fn a_new_key_seals_from_its_time_on_and_the_old_one_can_go_then() {
        let mut it = document();
        let secret = STANDARD.encode([8; 32]);
        let from = at("2026-11-24T10:01:00Z");
        let id = add(&mut it, KeyKind::Personal, secret.clone(), (from, at(NOW))).unwrap();
        assert_eq!(id, "personal-2");
        let there = standings(&it, KeyKind::Personal, at(NOW)).unwrap();
        assert_eq!(there[0], ("personal-1".to_owned(), Standing::Current));
        assert_eq!(there[1], ("personal-2".to_owned(), Standing::Next(from)));
        assert!(add(&mut it, KeyKind::Personal, secret, (from, at(NOW))).is_err());
        assert!(remove(&mut it, "personal-1", at(NOW)).is_err());
        let text = it.to_toml("here").unwrap();
        let mut it = Document::read(&text, "here").unwrap();
        assert_eq!(remove(&mut it, "personal-1", from), Ok(KeyKind::Personal));
        let there = standings(&it, KeyKind::Personal, from).unwrap();
        assert_eq!(there, [("personal-2".to_owned(), Standing::Current)]);
        assert!(ring(&it, at(NOW)).is_err());
        assert!(ring(&it, from).is_ok());
        assert!(remove(&mut it, "personal-9", from).is_err());
    }

    #[test]
    fn json_is_read_as_toml_is_and_an_error_shows_no_secret() {
        let json = serde_json::to_string(&document()).unwrap();
        assert!(Document::read(&json, "a command").is_ok());
        let wrong = json.replace("fingerprint", "hunter2");
        let error = Document::read(&wrong, "a command").err().unwrap().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
