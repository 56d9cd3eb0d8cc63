//! Finding equal personal data again without opening it or comparing it in the clear.

use super::PersonalKeys;

impl PersonalKeys {
    /// The keyed hashes of a normalised text of that sort under each key, the current one's first.
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

    /// A keyed hash of a normalised text of that sort. Of a phone number it is
    /// [`phone_index`](Self::phone_index), by which phones are kept.
    #[must_use]
    pub fn blind_index(&self, sort: &str, text: &str) -> [u8; 32] {
        // No phone number (E.164) begins with a letter: no text of another sort can equal one.
        match sort {
            "phone" => self.phone_index(text).hash,
            _ => self.phone_index(&format!("{sort}:{text}")).hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::personal::Ring;

    #[test]
    fn one_sort_of_text_never_looks_like_another() {
        let keys = PersonalKeys::new(Ring::new(("k1", &[7; 32]), ("i1", b"index")).unwrap());
        let phone = keys.blind_index("phone", "+8619900000000");
        assert_eq!(phone, keys.phone_index("+8619900000000").hash);
        assert_ne!(phone, keys.blind_index("document", "+8619900000000"));
        assert_ne!(keys.blind_index("email", "a"), keys.blind_index("address", "a"));
    }
}
