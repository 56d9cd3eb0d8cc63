use crate::event::Contact;
use crate::fold;
use crate::ids::{ClaimKey, PartnerId, RuleId, SightingKey, hex};
use crate::partner::attribution::Likeness;

/// Who was introduced, by keyed hashes: enough to tell that it is the same person again, and not
/// who it is. There is a hash for each key of the index, the current one's first: what was hashed
/// with an older one is found as long as there is that key.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// Every way in which this referral may be like others.
    likenesses: Vec<(Likeness, Vec<[u8; 32]>)>,
}

impl Person {
    /// The person of contact data, by the keyed hashes of a sort of text and a normalised text.
    pub fn of(contact: &Contact, indexes: impl Fn(&str, &str) -> Vec<[u8; 32]>) -> Self {
        let texts = [
            (Likeness::Phone, Some(&contact.phone)),
            (Likeness::Document, contact.document.as_ref()),
            (Likeness::Email, contact.email.as_ref()),
            (Likeness::Address, contact.address.as_ref()),
        ];
        let hashed = texts.into_iter().filter_map(|(likeness, text)| {
            let text = text?;
            let mut hashes = indexes(likeness.name(), &folded(likeness, text));
            // Records that are older than folding are found by the form that they were hashed in.
            for hash in indexes(likeness.name(), &unfolded(likeness, text)) {
                if !hashes.contains(&hash) {
                    hashes.push(hash);
                }
            }
            Some((likeness, hashes))
        });
        Self { likenesses: hashed.collect() }
    }

    /// The phone under each key.
    pub fn phones(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.likenesses
            .iter()
            .filter(|(likeness, _)| *likeness == Likeness::Phone)
            .flat_map(|it| &it.1)
    }

    /// What the person is claimed by for a product: the phone, and the document where it is known.
    #[must_use]
    pub fn claims(&self, product: &RuleId) -> Vec<ClaimKey> {
        self.claims_by(product, |indexes| indexes.get(..1).unwrap_or_default())
    }

    /// What the person may have been claimed by, whichever key was the current one.
    #[must_use]
    pub fn all_claims(&self, product: &RuleId) -> Vec<ClaimKey> {
        self.claims_by(product, |indexes| indexes)
    }

    fn claims_by(
        &self,
        product: &RuleId,
        of: impl Fn(&[[u8; 32]]) -> &[[u8; 32]],
    ) -> Vec<ClaimKey> {
        let whole = |likeness| matches!(likeness, Likeness::Phone | Likeness::Document);
        let named = self.likenesses.iter().filter(|(likeness, _indexes)| whole(*likeness));
        named
            .flat_map(|(likeness, indexes)| of(indexes).iter().map(move |index| (likeness, index)))
            .map(|(likeness, index)| {
                ClaimKey::of_name(&[likeness.name(), &hex(index), product.as_str()])
            })
            .collect()
    }

    /// What a referral of the person by a partner is counted under.
    #[must_use]
    pub fn sightings(&self, partner: &PartnerId) -> Vec<(Likeness, SightingKey)> {
        self.sightings_by(partner, |indexes| indexes.get(..1).unwrap_or_default())
    }

    /// What earlier ones may have been counted under, whichever key was the current one.
    #[must_use]
    pub fn all_sightings(&self, partner: &PartnerId) -> Vec<(Likeness, SightingKey)> {
        self.sightings_by(partner, |indexes| indexes)
    }

    fn sightings_by(
        &self,
        partner: &PartnerId,
        of: impl Fn(&[[u8; 32]]) -> &[[u8; 32]],
    ) -> Vec<(Likeness, SightingKey)> {
        let own = self.likenesses.iter().flat_map(|(likeness, indexes)| {
            let key = |index| SightingKey::of_name(&[likeness.name(), &hex(index)]);
            of(indexes).iter().map(move |index| (*likeness, key(index)))
        });
        let of_partner = SightingKey::of_name(&[Likeness::Partner.name(), partner.as_str()]);
        own.chain([(Likeness::Partner, of_partner)]).collect()
    }
}

/// The form in which a text is hashed, so that equal texts have one hash however they were typed.
fn folded(likeness: Likeness, text: &str) -> String {
    match likeness {
        // A phone number is in E.164 already.
        Likeness::Phone | Likeness::Partner => text.to_owned(),
        Likeness::Email => fold::fold(text),
        Likeness::Document | Likeness::Address => fold::letters_and_digits(text),
    }
}

/// The form in which a text was hashed before texts were folded.
fn unfolded(likeness: Likeness, text: &str) -> String {
    match likeness {
        Likeness::Phone | Likeness::Partner => text.to_owned(),
        Likeness::Email => text.to_lowercase(),
        Likeness::Document | Likeness::Address => {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::personal::NamedKey;

    fn person(phone: &str, document: Option<&str>, address: Option<&str>) -> Person {
        let contact = Contact {
            name: "Example person".to_owned(),
            phone: phone.to_owned(),
            email: None,
            document: document.map(str::to_owned),
            address: address.map(str::to_owned),
        };
        let ring = crate::customer::personal::Ring::new(
            NamedKey::of("k", &[1; 32]),
            NamedKey::of("i", b"index"),
        );
        let keys = crate::customer::PersonalKeys::new(ring.unwrap());
        Person::of(&contact, |sort, text| keys.blind_indexes(sort, text))
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
    fn a_document_is_one_in_full_width_too() {
        let product: RuleId = "travel-loan".parse().unwrap();
        let claims = |document| person("+8619900000001", Some(document), None).claims(&product);
        let plain = claims("11010119900307119X");
        assert_eq!(claims("11010119900307119Ｘ"), plain);
        assert_eq!(claims("１１０１０１19900307119x"), plain);
        assert_eq!(claims("110101\u{200b}1990 0307 119X"), plain);
        // A record from before folding is found by the text that it was made of.
        let all = person("+8619900000001", Some("１１０１X"), None).all_claims(&product);
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn an_address_is_one_however_it_is_punctuated() {
        let agency: PartnerId = "sunny-travel".parse().unwrap();
        let at = |address| person("+8619900000001", None, Some(address)).sightings(&agency);
        assert_eq!(at("12 Harbour Road, Old Town"), at("12 harbour road old  town"));
        assert_ne!(at("12 Harbour Road"), at("13 Harbour Road"));
    }
}
