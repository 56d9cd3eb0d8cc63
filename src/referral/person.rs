use crate::event::Contact;
use crate::ids::{ClaimKey, PartnerId, RuleId, SightingKey};
use crate::partner::attribution::Likeness;

/// Who was introduced, by keyed hashes: enough to tell that it is the same person again, and not
/// who it is.
#[derive(Clone, Debug, Default)]
pub struct Person {
    phone: [u8; 32],
    /// Every way in which this referral may be like others.
    likenesses: Vec<(Likeness, [u8; 32])>,
}

impl Person {
    /// Of contact data, by a keyed hash of a sort of text and a normalised text.
    pub fn of(contact: &Contact, index: impl Fn(&str, &str) -> [u8; 32]) -> Self {
        let phone = index("phone", &contact.phone);
        let mut likenesses = vec![(Likeness::Phone, phone)];
        let others = [
            (Likeness::Document, contact.document.as_deref().map(letters_and_digits)),
            (Likeness::Email, contact.email.as_deref().map(str::to_lowercase)),
            (Likeness::Address, contact.address.as_deref().map(letters_and_digits)),
        ];
        for (likeness, text) in others {
            likenesses.extend(text.map(|text| (likeness, index(likeness.name(), &text))));
        }
        Self { phone, likenesses }
    }

    #[must_use]
    pub const fn phone(&self) -> &[u8; 32] {
        &self.phone
    }

    /// What the person is claimed by for a product: the phone, and the document where it is known.
    #[must_use]
    pub fn claims(&self, product: &RuleId) -> Vec<ClaimKey> {
        let whole = |likeness| matches!(likeness, Likeness::Phone | Likeness::Document);
        let named = self.likenesses.iter().filter(|(likeness, _index)| whole(*likeness));
        named
            .map(|(likeness, index)| {
                ClaimKey::of_name(&[likeness.name(), &hex(index), product.as_str()])
            })
            .collect()
    }

    /// What a referral of the person by a partner is counted under.
    #[must_use]
    pub fn sightings(&self, partner: &PartnerId) -> Vec<(Likeness, SightingKey)> {
        let own = self.likenesses.iter().map(|(likeness, index)| {
            (*likeness, SightingKey::of_name(&[likeness.name(), &hex(index)]))
        });
        let of_partner = SightingKey::of_name(&[Likeness::Partner.name(), partner.as_str()]);
        own.chain([(Likeness::Partner, of_partner)]).collect()
    }
}

/// However it was spaced and punctuated.
fn letters_and_digits(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(phone: &str, document: Option<&str>, address: Option<&str>) -> Person {
        let contact = Contact {
            name: "Example person".to_owned(),
            phone: phone.to_owned(),
            email: None,
            document: document.map(str::to_owned),
            address: address.map(str::to_owned),
        };
        let ring = crate::customer::personal::Ring::new(("k", &[1; 32]), ("i", b"index"));
        let keys = crate::customer::PersonalKeys::new(ring.unwrap());
        Person::of(&contact, |sort, text| keys.blind_index(sort, text))
    }

    #[test]
    fn the_same_person_is_told_by_phone_or_document_however_it_is_written() {
        let product: RuleId = "travel-loan".parse().unwrap();
        let one = person("+8619900000001", Some("1101 0119-9003 07X"), None).claims(&product);
        let other_phone = person("+8619900000002", Some("11010119900307x"), None).claims(&product);
        let other_person = person("+8619900000002", Some("11010119900308x"), None).claims(&product);
        assert_eq!(one.len(), 2);
        assert_eq!(one[1], other_phone[1]);
        assert_ne!(one[0], other_phone[0]);
        assert_eq!(other_phone[0], other_person[0]);
        assert_ne!(other_phone[1], other_person[1]);
        let farm: RuleId = "farm-loan".parse().unwrap();
        let other_product = person("+8619900000001", None, None).claims(&farm);
        assert!(!one.contains(&other_product[0]));
    }

    #[test]
    fn an_address_is_one_however_it_is_punctuated() {
        let agency: PartnerId = "sunny-travel".parse().unwrap();
        let at = |address| person("+8619900000001", None, Some(address)).sightings(&agency);
        assert_eq!(at("12 Harbour Road, Old Town"), at("12 harbour road old  town"));
        assert_ne!(at("12 Harbour Road"), at("13 Harbour Road"));
    }
}
