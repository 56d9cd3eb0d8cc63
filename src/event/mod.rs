//! What a partner said. Bytes become an [`Event`] here or a list of problems, each with a JSON
//! pointer; nothing further in takes anything else. What the event is worth is `program`'s.

mod envelope;
mod fingerprint;
mod payment;
mod problem;
mod reader;
mod redemption;
mod referral;
mod refund;

use serde::Serialize;
use serde_json::{Value, json};

pub use envelope::{Attributes, binary_mode};
pub use fingerprint::{Fingerprint, FingerprintKey};
pub use payment::{Instalment, Line, Payment};
pub use problem::{FieldProblem, Malformed};
pub use reader::Reader;
pub use redemption::{Cancel, Commit, Hold, Return};
pub use referral::{ConsentGiven, Contact, Referral};
pub use refund::{Refund, RefundLine};

use crate::clock::Moment;
use crate::ids::{EventId, MemberRef, PartnerId};
use crate::money::Amount;

/// Something a partner reports, checked in itself. What it refers to is not looked up yet.
#[derive(Clone, Debug)]
pub struct Event {
    pub partner: PartnerId,
    pub id: EventId,
    /// When it happened, by the partner's clock.
    pub effective_at: Moment,
    pub said: Said,
    /// The content without personal data, in one canonical form: what is kept.
    pub body: String,
    pub fingerprint: Fingerprint,
}

/// The kinds of event.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Said {
    Payment(Payment),
    Refund(Refund),
    Referral(Referral),
    Hold(Hold),
    Commit(Commit),
    Cancel(Cancel),
    Return(Return),
}

impl Said {
    /// The CloudEvents `type`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Payment(_) => Payment::TYPE,
            Self::Refund(_) => Refund::TYPE,
            Self::Referral(_) => Referral::TYPE,
            Self::Hold(_) => Hold::TYPE,
            Self::Commit(_) => Commit::TYPE,
            Self::Cancel(_) => Cancel::TYPE,
            Self::Return(_) => Return::TYPE,
        }
    }

    /// The member the event names, if its kind does and it did.
    #[must_use]
    pub const fn member(&self) -> Option<&MemberRef> {
        match self {
            Self::Payment(payment) => Some(&payment.member),
            Self::Referral(referral) => referral.member.as_ref(),
            Self::Refund(_)
            | Self::Hold(_)
            | Self::Commit(_)
            | Self::Cancel(_)
            | Self::Return(_) => None,
        }
    }

    /// The hold that the event closes or undoes, if its kind does.
    #[must_use]
    pub const fn hold(&self) -> Option<&EventId> {
        match self {
            Self::Commit(Commit { hold, .. })
            | Self::Cancel(Cancel { hold })
            | Self::Return(Return { hold, .. }) => Some(hold),
            Self::Payment(_) | Self::Refund(_) | Self::Referral(_) | Self::Hold(_) => None,
        }
    }

    /// The amount it is about, where it states one: what was paid, refunded, asked for or held.
    #[must_use]
    pub const fn amount(&self) -> Option<Amount> {
        match self {
            Self::Payment(payment) => Some(payment.paid),
            Self::Refund(refund) => Some(refund.amount),
            Self::Referral(referral) => Some(referral.amount),
            Self::Hold(hold) => Some(hold.points),
            Self::Commit(commit) => commit.points,
            Self::Cancel(_) => None,
            Self::Return(given) => Some(given.points),
        }
    }
}

/// Reads one event from the bytes of a CloudEvents 1.0 JSON object.
///
/// # Errors
/// [`Malformed`] with every problem found, not only the first.
pub fn parse(partner: &PartnerId, bytes: &[u8], key: &FingerprintKey) -> Result<Event, Malformed> {
    let value = serde_json::from_slice(bytes).map_err(|error| Malformed::not_json(&error))?;
    parse_value(partner, &value, key)
}

/// Reads one event from JSON that is already parsed, as an item of a batch is.
///
/// # Errors
/// As [`parse`].
pub fn parse_value(
    partner: &PartnerId,
    value: &serde_json::Value,
    key: &FingerprintKey,
) -> Result<Event, Malformed> {
    let mut problems = Vec::new();
    let parsed = envelope::read(value, &mut problems);
    match parsed {
        Some((attributes, said)) if problems.is_empty() => {
            let (body, fingerprint) = fingerprint::of(&attributes, &said, key);
            Ok(Event {
                partner: partner.clone(),
                id: attributes.id,
                effective_at: attributes.time,
                said,
                body,
                fingerprint,
            })
        }
        _ => Err(Malformed::Fields(problems)),
    }
}

/// Reads an event again from the body that was kept of it. What is never kept is not there: a
/// referral names nobody, and the fingerprint is not the one that was recorded.
///
/// # Errors
/// As [`parse`].
pub fn parse_recorded(partner: &PartnerId, body: &str) -> Result<Event, Malformed> {
    let mut value: Value =
        serde_json::from_str(body).map_err(|error| Malformed::not_json(&error))?;
    if let Some(envelope) = value.as_object_mut() {
        envelope.insert("specversion".to_owned(), json!("1.0"));
        if envelope.get("type").is_some_and(|kind| kind == Referral::TYPE)
            && let Some(data) = envelope.get_mut("data").and_then(Value::as_object_mut)
        {
            data.insert("contact".to_owned(), json!({ "name": "-", "phone": "+10000000" }));
        }
    }
    parse_value(partner, &value, &FingerprintKey::new(b"not to be compared"))
}

#[cfg(test)]
mod tests;
