//! Keyed hashes of personal texts: equal texts are found without opening or storing them.

use super::PersonalKeys;

impl PersonalKeys {
    /// The keyed hashes of a normalised text under every key, the current key's first. `sort` is
    /// `phone`, `document`, `email` or `address`.
    #[must_use]
    pub fn blind_indexes(&self, sort: &str, text: &str) -> Vec<[u8; 32]> {
        let current = self.blind_index(sort, text);
        let all = match sort {
            "phone" => self.phone_indexes(text),
            _ => self.phone_indexes(&format!("{sort}:{text}")),
        };
        let older = all.into_iter().filter(|index| *index != current);
        std::iter::once(current).chain(older).collect()
    }

    /// The keyed hash of a normalised text under the current key. For a phone number it equals
    /// [`phone_index`](Self::phone_index).
    #[must_use]
    pub fn blind_index(&self, sort: &str, text: &str) -> [u8; 32] {
        // A phone number (E.164) never begins with a letter, so no text of another sort equals one.
        match sort {
            "phone" => self.phone_index(text).hash,
            _ => self.phone_index(&format!("{sort}:{text}")).hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::personal::{NamedKey, Ring};

    #[test]
    fn one_sort_of_text_never_looks_like_another() {
        let keys = PersonalKeys::new(
            Ring::new(NamedKey::of("k1", &[7; 32]), NamedKey::of("i1", b"index")).unwrap(),
        );
        let phone = keys.blind_index("phone", "+8619900000000");
        assert_eq!(phone, keys.phone_index("+8619900000000").hash);
        assert_ne!(phone, keys.blind_index("document", "+8619900000000"));
        assert_ne!(keys.blind_index("email", "a"), keys.blind_index("address", "a"));
    }
}
