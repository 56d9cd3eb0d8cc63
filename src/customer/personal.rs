use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;

/// The keys that seal personal data, open it, and index it. Clones share one ring: when it is
/// replaced, it is replaced for all of them.
#[derive(Clone)]
pub struct PersonalKeys(Arc<RwLock<Arc<Ring>>>);

/// The keys by id. One key of each kind is current. The others, older ones and the next one, still
/// open or find what they made.
pub struct Ring {
    current: String,
    sealing: BTreeMap<String, LessSafeKey>,
    current_index: String,
    index: BTreeMap<String, hmac::Key>,
}

/// A keyed hash of a phone number, and the key that it was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneIndex {
    pub key_id: String,
    pub hash: [u8; 32],
}

/// Personal data as it is kept: 96-bit nonce, AES-256-GCM ciphertext and tag (NIST SP 800-38D).
/// The record's id is bound in, so that one record's data cannot stand in another's place.
#[derive(Clone)]
pub struct Sealed {
    pub key_id: String,
    pub bytes: Vec<u8>,
}

/// Why personal data cannot be sealed or opened. No error contains the data.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    #[error("personal data: the key is not 32 bytes long")]
    KeyLength,
    #[error("personal data: could not be sealed")]
    Seal,
    #[error("personal data: sealed with a key that is not in the key file")]
    UnknownKey,
    #[error("personal data: the record was changed or the key is another")]
    Open,
}

const NONCE_BYTES: usize = 12;

/// The id of the first index key, which had none before keys could be rotated.
pub const FIRST_INDEX: &str = "index-1";

/// A key and its id.
#[derive(Clone, Copy)]
pub struct NamedKey<'a> {
    id: &'a str,
    key: &'a [u8],
}

impl<'a> NamedKey<'a> {
    #[must_use]
    pub const fn of(id: &'a str, key: &'a [u8]) -> Self {
        Self { id, key }
    }
}

impl Ring {
    /// A ring with one key of each kind.
    pub fn new(sealing: NamedKey<'_>, index: NamedKey<'_>) -> Result<Self, SealError> {
        let ring = Self {
            current: sealing.id.to_owned(),
            sealing: BTreeMap::new(),
            current_index: index.id.to_owned(),
            index: BTreeMap::new(),
        };
        Ok(ring.with(sealing.id, sealing.key)?.with_index(index.id, index.key))
    }

    /// Adds a key that opens and does not seal.
    pub fn with(mut self, id: &str, key: &[u8]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_short| SealError::KeyLength)?;
        self.sealing.insert(id.to_owned(), LessSafeKey::new(key));
        Ok(self)
    }

    /// Adds a key that finds what it indexed, and indexes nothing new.
    #[must_use]
    pub fn with_index(mut self, id: &str, key: &[u8]) -> Self {
        self.index.insert(id.to_owned(), hmac::Key::new(hmac::HMAC_SHA256, key));
        self
    }
}

impl PersonalKeys {
    #[must_use]
    pub fn new(ring: Ring) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(ring))))
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the keys of every clone by those of another ring.
    pub fn take_over(&self, from: &Self) {
        let ring = from.ring();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    /// # Errors
    /// [`SealError::Seal`] when the system gives no randomness.
    pub fn seal(&self, record: &[u8; 16], plain: &[u8]) -> Result<Sealed, SealError> {
        let ring = self.ring();
        let key = ring.sealing.get(&ring.current).ok_or(SealError::Seal)?;
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).map_err(|_none| SealError::Seal)?;
        let mut bytes = plain.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(record),
            &mut bytes,
        )
        .map_err(|_failed| SealError::Seal)?;
        bytes.splice(..0, nonce);
        Ok(Sealed { key_id: ring.current.clone(), bytes })
    }

    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::Open`].
    pub fn open(&self, record: &[u8; 16], sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let ring = self.ring();
        let key = ring.sealing.get(&sealed.key_id).ok_or(SealError::UnknownKey)?;
        let (nonce, ciphertext) =
            sealed.bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Open)?;
        let mut bytes = ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = key
            .open_in_place(nonce, Aad::from(record), &mut bytes)
            .map_err(|_failed| SealError::Open)?;
        Ok(plain.to_vec())
    }

    /// The key that data is sealed with now.
    #[must_use]
    pub fn key_id(&self) -> String {
        self.ring().current.clone()
    }

    /// The key that phone numbers are indexed with now.
    #[must_use]
    pub fn index_id(&self) -> String {
        self.ring().current_index.clone()
    }

    /// The ids of all keys that open.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.ring().sealing.keys().cloned().collect()
    }

    /// The ids of all keys that find.
    #[must_use]
    pub fn index_ids(&self) -> Vec<String> {
        self.ring().index.keys().cloned().collect()
    }

    /// A keyed hash of a phone number, to find equal ones without opening them.
    #[must_use]
    pub fn phone_index(&self, phone: &str) -> PhoneIndex {
        let ring = self.ring();
        let hash = ring.index.get(&ring.current_index).map(|key| keyed_hash(key, phone));
        PhoneIndex { key_id: ring.current_index.clone(), hash: hash.unwrap_or_default() }
    }

    /// The hashes of a phone number under every key, so that records which still have an older
    /// index are found too.
    #[must_use]
    pub fn phone_indexes(&self, phone: &str) -> Vec<[u8; 32]> {
        self.ring().index.values().map(|key| keyed_hash(key, phone)).collect()
    }
}

fn keyed_hash(key: &hmac::Key, phone: &str) -> [u8; 32] {
    let mut index = [0; 32];
    index.copy_from_slice(hmac::sign(key, phone.as_bytes()).as_ref());
    index
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[sealed]")
    }
}

impl std::fmt::Debug for PersonalKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonalKeys({})", self.key_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> PersonalKeys {
        PersonalKeys::new(
            Ring::new(NamedKey::of("k1", &[7; 32]), NamedKey::of("i1", b"index")).unwrap(),
        )
    }

    #[test]
    fn what_is_sealed_opens_only_for_its_own_record() {
        let sealed = keys().seal(&[1; 16], b"Li Lei").unwrap();
        assert!(!sealed.bytes.windows(6).any(|window| window == b"Li Lei"));
        assert_eq!(keys().open(&[1; 16], &sealed).unwrap(), b"Li Lei");
        assert_eq!(keys().open(&[2; 16], &sealed), Err(SealError::Open));
    }

    #[test]
    fn a_changed_or_foreign_record_does_not_open() {
        let mut sealed = keys().seal(&[1; 16], b"Li Lei").unwrap();
        *sealed.bytes.last_mut().unwrap() ^= 1;
        assert_eq!(keys().open(&[1; 16], &sealed), Err(SealError::Open));
        sealed.key_id = "k2".to_owned();
        assert_eq!(keys().open(&[1; 16], &sealed), Err(SealError::UnknownKey));
    }

    #[test]
    fn the_index_finds_the_same_phone_and_only_with_the_same_key() {
        let other = PersonalKeys::new(
            Ring::new(NamedKey::of("k1", &[7; 32]), NamedKey::of("i1", b"other")).unwrap(),
        );
        assert_eq!(keys().phone_index("+861"), keys().phone_index("+861"));
        assert_ne!(keys().phone_index("+861"), keys().phone_index("+862"));
        assert_ne!(keys().phone_index("+861"), other.phone_index("+861"));
    }

    #[test]
    fn a_new_key_seals_an_older_one_opens_and_both_find() {
        let shared = keys();
        let clone = shared.clone();
        let sealed = shared.seal(&[1; 16], b"Li Lei").unwrap();
        let indexed = shared.phone_index("+861");
        let ring = Ring::new(NamedKey::of("k2", &[8; 32]), NamedKey::of("i2", b"new")).unwrap();
        let ring = ring.with("k1", &[7; 32]).unwrap().with_index("i1", b"index");
        shared.take_over(&PersonalKeys::new(ring));
        assert_eq!((clone.key_id(), clone.index_id()), ("k2".to_owned(), "i2".to_owned()));
        assert_eq!(clone.open(&[1; 16], &sealed).unwrap(), b"Li Lei");
        assert_eq!(clone.seal(&[1; 16], b"Li Lei").unwrap().key_id, "k2");
        assert_ne!(clone.phone_index("+861"), indexed);
        assert!(clone.phone_indexes("+861").contains(&indexed.hash));
    }
}
