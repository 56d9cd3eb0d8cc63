use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::consent::ConsentGiven;
use super::reader::FieldReader;
use super::stage::OrderStage;
use crate::clock::Moment;
use crate::fold::{has_letter, is_email, letters_and_digits};
use crate::ids::{MemberRef, RuleId};
use crate::money::{Amount, Asset};

/// A person whom a partner introduces to the bank for one of its products.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Referral {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberRef>,
    #[serde(flatten)]
    pub step: OrderStage,
    pub product: RuleId,
    pub currency: Asset,
    /// What the person would like to borrow or invest; above zero.
    pub amount: Amount,
    #[schema(min_length = 1, max_length = 64)]
    pub region: String,
    /// Never serialised: contact data is kept sealed, elsewhere, or not at all.
    #[serde(skip)]
    pub contact: Contact,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentGiven>,
}

/// How to reach the person. Personal data: shown nowhere, logged nowhere.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct Contact {
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// E.164, such as `+8613800000000`.
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub phone: String,
    #[schema(max_length = 254, pattern = r"^[^\s@]+@[^\s@]+\.[^\s@]+$")]
    pub email: Option<String>,
    /// The number of an identity document. It also shows that two referrals are of one person.
    #[schema(max_length = 40, pattern = "([0-9A-Za-z].*){4}")]
    pub document: Option<String>,
    #[schema(max_length = 200)]
    pub address: Option<String>,
}

impl Referral {
    pub const TYPE: &'static str = "referral.created";

    pub(super) fn read(mut data: FieldReader<'_>, event_time: Option<Moment>) -> Option<Self> {
        let member = data.optional_parsed("member");
        let step = OrderStage::read(&mut data);
        let product = data.parsed("product");
        let currency = data.currency();
        let amount = data.amount("amount", currency);
        if amount.is_some_and(Amount::is_zero) {
            data.fail("amount", "must be more than 0");
        }
        let region = data.text("region", 64).map(str::to_owned);
        let contact = read_contact(&mut data);
        let consent = data.object("consent").map(|consent| ConsentGiven::read(consent, event_time));
        data.finish();
        Some(Self {
            member,
            step,
            product: product?,
            currency: currency?,
            amount: amount?,
            region: region?,
            contact: contact?,
            // A consent that cannot be read is a problem, not a missing consent.
            consent: match consent {
                None => None,
                Some(read) => Some(read?),
            },
        })
    }
}

impl Contact {
    /// The form in which contact data is sealed.
    ///
    /// # Errors
    /// serde's, when there is no memory for it.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self { name, phone, email, document, address } = self;
        serde_json::to_vec(&serde_json::json!({
            "name": name, "phone": phone, "email": email, "document": document, "address": address,
        }))
    }

    /// Reads what `to_json` wrote.
    #[must_use]
    pub fn from_json(plain: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(plain).ok()?;
        let text = |field: &str| value.get(field)?.as_str().map(str::to_owned);
        Some(Self {
            name: text("name")?,
            phone: text("phone")?,
            email: text("email"),
            document: text("document"),
            address: text("address"),
        })
    }
}

/// Reads how to reach a person from the field `contact` of an object.
pub fn read_contact(data: &mut FieldReader<'_>) -> Option<Contact> {
    let Some(mut contact) = data.object("contact") else {
        data.fail("contact", "missing: expected an object with name and phone");
        return None;
    };
    let name = contact.text("name", 100).map(str::to_owned);
    if name.as_deref().is_some_and(|name| !has_letter(name)) {
        contact.fail("name", "expected a name, with a letter of any script");
    }
    let phone = contact.text("phone", 16).map(str::to_owned);
    if phone.as_deref().is_some_and(|phone| !is_e164(phone)) {
        contact.fail("phone", "expected E.164, such as \"+8613800000000\"");
    }
    let email = contact.optional_text("email", 254).map(str::to_owned);
    if email.as_deref().is_some_and(|email| !is_email(email)) {
        contact.fail("email", "expected an e-mail address, such as \"name@mail.example\"");
    }
    let document = contact.optional_text("document", 40).map(str::to_owned);
    let folded = |document: &str| letters_and_digits(document);
    let length = |text: &str| folded(text).chars().filter(char::is_ascii_alphanumeric).count();
    let is_foreign =
        |document: &str| folded(document).bytes().any(|byte| !byte.is_ascii_alphanumeric());
    if document.as_deref().is_some_and(|text| length(text) < 4 || is_foreign(text)) {
        contact.fail("document", "expected the number of an identity document");
    }
    let address = contact.optional_text("address", 200).map(str::to_owned);
    contact.finish();
    Some(Contact { name: name?, phone: phone?, email, document, address })
}

/// Whether a phone number is in the form of E.164. A number of the bank's country is one of its
/// numbering plan: a trunk `0` behind `+86` would make two persons of one.
#[must_use]
pub fn is_e164(phone: &str) -> bool {
    phone.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
            && digits.strip_prefix("86").is_none_or(is_chinese)
    })
}

/// Whether digits are a national number of China: a mobile number of eleven digits, or an area code
/// without its `0` and a number.
fn is_chinese(national: &str) -> bool {
    match national.as_bytes() {
        [b'1', second, ..] if national.len() == 11 => (b'3'..=b'9').contains(second),
        [first, ..] => *first != b'0' && (8..=11).contains(&national.len()),
        [] => false,
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealed]")
    }
}
