use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;

/// Seals personal data, opens it, and finds it again without opening it.
#[derive(Clone)]
pub struct PersonalKeys {
    key_id: String,
    sealing: std::sync::Arc<LessSafeKey>,
    index: hmac::Key,
}

/// Personal data as it is kept: 96-bit nonce, AES-256-GCM ciphertext and tag (NIST SP 800-38D).
/// The record's id is bound in, so that one record's data cannot stand in another's place.
#[derive(Clone)]
pub struct Sealed {
    pub key_id: String,
    pub bytes: Vec<u8>,
}

/// Why personal data cannot be sealed or opened. Says nothing of the data.
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

impl PersonalKeys {
    /// # Errors
    /// [`SealError::KeyLength`].
    pub fn new(key_id: &str, sealing: &[u8; 32], index: &[u8]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, sealing).map_err(|_short| SealError::KeyLength)?;
        Ok(Self {
            key_id: key_id.to_owned(),
            sealing: std::sync::Arc::new(LessSafeKey::new(key)),
            index: hmac::Key::new(hmac::HMAC_SHA256, index),
        })
    }

    /// # Errors
    /// [`SealError::Seal`] when the system gives no randomness.
    pub fn seal(&self, record: &[u8; 16], plain: &[u8]) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).map_err(|_none| SealError::Seal)?;
        let mut bytes = plain.to_vec();
        self.sealing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(record),
                &mut bytes,
            )
            .map_err(|_failed| SealError::Seal)?;
        bytes.splice(..0, nonce);
        Ok(Sealed { key_id: self.key_id.clone(), bytes })
    }

    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::Open`].
    pub fn open(&self, record: &[u8; 16], sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        if sealed.key_id != self.key_id {
            return Err(SealError::UnknownKey);
        }
        let (nonce, ciphertext) =
            sealed.bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Open)?;
        let mut bytes = ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .sealing
            .open_in_place(nonce, Aad::from(record), &mut bytes)
            .map_err(|_failed| SealError::Open)?;
        Ok(plain.to_vec())
    }

    /// The key that data is sealed with now.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// A keyed hash of a phone number, to find equal ones without opening them.
    #[must_use]
    pub fn phone_index(&self, phone: &str) -> [u8; 32] {
        let mut index = [0; 32];
        index.copy_from_slice(hmac::sign(&self.index, phone.as_bytes()).as_ref());
        index
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[sealed]")
    }
}

impl std::fmt::Debug for PersonalKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonalKeys({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> PersonalKeys {
        PersonalKeys::new("k1", &[7; 32], b"index").unwrap()
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
        let other = PersonalKeys::new("k1", &[7; 32], b"other").unwrap();
        assert_eq!(keys().phone_index("+861"), keys().phone_index("+861"));
        assert_ne!(keys().phone_index("+861"), keys().phone_index("+862"));
        assert_ne!(keys().phone_index("+861"), other.phone_index("+861"));
    }
}
