use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::reader::Reader;
use super::stage::OrderStage;
use crate::clock::Moment;
use crate::ids::{MemberRef, RuleId};
use crate::money::{Amount, Asset};

/// A person introduced to the bank for one of its products.
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
    /// Never serialised: it is kept sealed, elsewhere, or not at all.
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
    #[schema(max_length = 254, pattern = "@")]
    pub email: Option<String>,
    /// The number of an identity document: by it, too, the same person is told.
    #[schema(max_length = 40, pattern = "([0-9A-Za-z].*){4}")]
    pub document: Option<String>,
    #[schema(max_length = 200)]
    pub address: Option<String>,
}

/// What the person agreed to and how that can be shown (PIPL, articles 14 and 23).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
pub struct ConsentGiven {
    /// What the data may be used for, in the words of the text.
    #[schema(min_length = 1, max_length = 200)]
    pub purpose: String,
    #[schema(min_length = 1, max_length = 40)]
    pub text_version: String,
    /// Of the exact text that was shown.
    #[serde(serialize_with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9a-fA-F]{64}$")]
    pub text_sha256: [u8; 32],
    /// Where it was shown: `till`, `tablet`, `app`, `paper`, …
    #[schema(min_length = 1, max_length = 40)]
    pub channel: String,
    /// Where the proof is: a signature's, recording's or message's reference.
    #[schema(min_length = 1, max_length = 200)]
    pub evidence: String,
    pub given_at: Moment,
}

impl Referral {
    pub const TYPE: &'static str = "referral.created";

    pub(super) fn read(mut data: Reader<'_>, event_time: Option<Moment>) -> Option<Self> {
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
        let consent = data.object("consent").map(|consent| read_consent(consent, event_time));
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
    /// The form in which it is sealed.
    ///
    /// # Errors
    /// serde's, when there is no memory for it.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self { name, phone, email, document, address } = self;
        serde_json::to_vec(&serde_json::json!({
            "name": name, "phone": phone, "email": email, "document": document, "address": address,
        }))
    }

    /// From the form in which it was sealed.
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
pub fn read_contact(data: &mut Reader<'_>) -> Option<Contact> {
    let Some(mut contact) = data.object("contact") else {
        data.fail("contact", "missing: expected an object with name and phone");
        return None;
    };
    let name = contact.text("name", 100).map(str::to_owned);
    let phone = contact.text("phone", 16).map(str::to_owned);
    if phone.as_deref().is_some_and(|phone| !is_e164(phone)) {
        contact.fail("phone", "expected E.164, such as \"+8613800000000\"");
    }
    let email = contact.optional_text("email", 254).map(str::to_owned);
    if email.as_deref().is_some_and(|email| !email.contains('@')) {
        contact.fail("email", "expected an e-mail address");
    }
    let document = contact.optional_text("document", 40).map(str::to_owned);
    let digits = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).count();
    if document.as_deref().is_some_and(|document| digits(document) < 4) {
        contact.fail("document", "expected the number of an identity document");
    }
    let address = contact.optional_text("address", 200).map(str::to_owned);
    contact.finish();
    Some(Contact { name: name?, phone: phone?, email, document, address })
}

/// Reads what a person agreed to, before whatever is dated by that time.
pub fn read_consent(mut consent: Reader<'_>, event_time: Option<Moment>) -> Option<ConsentGiven> {
    let purpose = consent.text("purpose", 200).map(str::to_owned);
    let text_version = consent.text("text_version", 40).map(str::to_owned);
    let text_sha256 = consent.text("text_sha256", 64).map(from_hex);
    if text_sha256 == Some(None) {
        consent.fail("text_sha256", "expected 64 hexadecimal digits");
    }
    let channel = consent.text("channel", 40).map(str::to_owned);
    let evidence = consent.text("evidence", 200).map(str::to_owned);
    let given_at = consent.text("given_at", 40).map(Moment::parse);
    match (given_at, event_time) {
        (Some(None), _) => consent.fail("given_at", "expected an RFC 3339 date-time"),
        (Some(Some(given)), Some(event)) if given > event => {
            consent.fail("given_at", "must not be later than the event");
        }
        _ => {}
    }
    consent.finish();
    Some(ConsentGiven {
        purpose: purpose?,
        text_version: text_version?,
        text_sha256: text_sha256??,
        channel: channel?,
        evidence: evidence?,
        given_at: given_at??,
    })
}

/// Whether it is a phone number as E.164 writes it.
#[must_use]
pub fn is_e164(phone: &str) -> bool {
    phone.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Option<Vec<u8>> = digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from((high << 4) | low).ok(),
            _ => None,
        })
        .collect();
    bytes?.try_into().ok()
}

fn hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = String::with_capacity(64);
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    serializer.serialize_str(&text)
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealed]")
    }
}
