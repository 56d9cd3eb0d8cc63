//! Which of several keys for personal data is in use. Each key has an id and a time from which it is
//! used, so every gateway knows a new key before any gateway uses it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::document::{DatedKey, Document};
use crate::clock::Moment;
use crate::customer::personal::{FIRST_INDEX, NamedKey, Ring};

/// Which keys are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Keys that seal personal data.
    Personal,
    /// Keys of the blind index, by which phone numbers are found without opening them.
    Index,
}

/// A key with its id, ready for use.
struct Held {
    id: String,
    key: Vec<u8>,
    from: Option<Moment>,
}

/// Whether a key is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// It only opens, or finds, what it sealed or indexed before.
    Older,
    /// It seals, or indexes.
    Current,
    /// It seals, or indexes, from this time on.
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
    let mut ring = Ring::new(
        NamedKey::of(&first.id, &first.key),
        NamedKey::of(&first_index.id, &first_index.key),
    )
    .map_err(|error| error.to_string())?;
    for key in sealing.iter().filter(|key| key.id != first.id) {
        ring = ring.with(&key.id, &key.key).map_err(|error| error.to_string())?;
    }
    for key in index.iter().filter(|key| key.id != first_index.id) {
        ring = ring.with_index(&key.id, &key.key);
    }
    Ok(ring)
}

/// Every key of a kind, the oldest first, and whether it is in use.
///
/// # Errors
/// What is wrong with the document.
pub(super) fn standings(
    document: &Document,
    kind: KeyKind,
    now: Moment,
) -> Result<Vec<(String, KeyStanding)>, String> {
    let keys = held(document, kind)?;
    let current = current(&keys, now)?.id.clone();
    let standing = |key: Held| {
        let standing = match key.from {
            _ if key.id == current => KeyStanding::Current,
            Some(from) if from > now => KeyStanding::Next(from),
            _ => KeyStanding::Older,
        };
        (key.id, standing)
    };
    Ok(keys.into_iter().map(standing).collect())
}

/// Adds a key that is used from `from` on; returns its id.
///
/// # Errors
/// If a key that was added before is not in use yet, or the document is wrong.
pub(super) fn add(
    document: &mut Document,
    kind: KeyKind,
    key: String,
    from: Moment,
    now: Moment,
) -> Result<String, String> {
    let there = standings(document, kind, now)?;
    if let Some((id, KeyStanding::Next(from))) =
        there.iter().find(|(_id, standing)| matches!(standing, KeyStanding::Next(_)))
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

/// Takes an older key away. The caller has made sure that nothing is sealed or indexed with it.
///
/// # Errors
/// If there is no key with that id, or it is not an older one.
pub(super) fn remove(document: &mut Document, id: &str, now: Moment) -> Result<KeyKind, String> {
    for kind in [KeyKind::Personal, KeyKind::Index] {
        let there = standings(document, kind, now)?;
        let Some((_id, standing)) = there.iter().find(|(known, _standing)| known == id) else {
            continue;
        };
        if *standing != KeyStanding::Older {
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

/// The newest key that is in use already.
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
        let mut document = document();
        let secret = STANDARD.encode([8; 32]);
        let from = at("2026-11-24T10:01:00Z");
        let id = add(&mut document, KeyKind::Personal, secret.clone(), from, at(NOW)).unwrap();
        assert_eq!(id, "personal-2");
        let there = standings(&document, KeyKind::Personal, at(NOW)).unwrap();
        assert_eq!(there[0], ("personal-1".to_owned(), KeyStanding::Current));
        assert_eq!(there[1], ("personal-2".to_owned(), KeyStanding::Next(from)));
        assert!(add(&mut document, KeyKind::Personal, secret, from, at(NOW)).is_err());
        assert!(remove(&mut document, "personal-1", at(NOW)).is_err());
        let text = document.to_toml("here").unwrap();
        let mut document = Document::read(&text, "here").unwrap();
        assert_eq!(remove(&mut document, "personal-1", from), Ok(KeyKind::Personal));
        let there = standings(&document, KeyKind::Personal, from).unwrap();
        assert_eq!(there, [("personal-2".to_owned(), KeyStanding::Current)]);
        assert!(ring(&document, at(NOW)).is_err());
        assert!(ring(&document, from).is_ok());
        assert!(remove(&mut document, "personal-9", from).is_err());
    }
}
