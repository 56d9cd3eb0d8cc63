//! Events that partners report. Bytes become an [`Event`] here, or a list of problems with JSON
//! pointers; all other rooms take only an [`Event`]. `program` decides what the event is worth.

mod consent;
mod difference;
mod envelope;
mod fingerprint;
mod json;
mod object;
mod payment;
mod problem;
mod reader;
mod redemption;
mod referral;
mod refund;
mod stage;

use serde::Serialize;
use serde_json::{Value, json};

pub use consent::{ConsentGiven, Recipient};
pub use difference::{Difference, differences};
pub use envelope::{Attributes, binary_mode};
pub use fingerprint::{Fingerprint, FingerprintKey};
pub use json::{Item, read_items, read_json};
pub use object::{read_object, read_object_within};
pub use payment::{Instalment, Line, Payment};
pub use problem::{FieldProblem, Malformed, NotJson, TextPlace};
pub use reader::{AMOUNT_IS_NUMBER, FieldReader, UNKNOWN_FIELD};
pub use redemption::{Cancel, Commit, Hold, Return};
pub use referral::{Contact, Referral, is_e164, read_contact};
pub use refund::{Refund, RefundLine};
pub use stage::OrderStage;

use crate::clock::Moment;
use crate::ids::{BusinessKey, EventId, MemberRef, OrderNumber, PartnerId, StageName};
use crate::money::Amount;
use crate::partner::limits::EventLimits;

/// An event of a partner, checked by itself. What the event refers to is not looked up yet.
#[derive(Clone, Debug)]
pub struct Event {
    pub partner: PartnerId,
    pub id: EventId,
    /// When the event happened, by the partner's clock.
    pub effective_at: Moment,
    pub data: EventData,
    /// The content without personal data in one canonical form. This is what we keep.
    pub body: String,
    pub fingerprint: Fingerprint,
}

/// What an event says, by its type.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum EventData {
    Payment(Payment),
    Refund(Refund),
    Referral(Box<Referral>),
    Hold(Hold),
    Commit(Commit),
    Cancel(Cancel),
    Return(Return),
}

impl EventData {
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

    /// The member that the event names, if any.
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

    /// The hold that the event closes or undoes, if any.
    #[must_use]
    pub const fn hold(&self) -> Option<&EventId> {
        match self {
            Self::Commit(Commit { hold, .. })
            | Self::Cancel(Cancel { hold, .. })
            | Self::Return(Return { hold, .. }) => Some(hold),
            Self::Payment(_) | Self::Refund(_) | Self::Referral(_) | Self::Hold(_) => None,
        }
    }

    /// The event that this one refers to: a refund's payment, or the hold that it closes or undoes.
    #[must_use]
    pub const fn refers_to(&self) -> Option<&EventId> {
        match self {
            Self::Refund(refund) => Some(&refund.payment),
            Self::Payment(_)
            | Self::Referral(_)
            | Self::Hold(_)
            | Self::Commit(_)
            | Self::Cancel(_)
            | Self::Return(_) => self.hold(),
        }
    }

    /// Makes it refer to another event that the partner regards as the same.
    pub fn refer_to(&mut self, event: EventId) {
        match self {
            Self::Refund(refund) => refund.payment = event,
            Self::Commit(Commit { hold, .. })
            | Self::Cancel(Cancel { hold, .. })
            | Self::Return(Return { hold, .. }) => *hold = event,
            Self::Payment(_) | Self::Referral(_) | Self::Hold(_) => {}
        }
    }

    /// The order and its stage, where the event names both.
    fn order_stage(&self) -> Option<(&OrderNumber, &StageName)> {
        let step = match self {
            Self::Payment(payment) => return Some((&payment.order, payment.stage.as_ref()?)),
            Self::Refund(refund) => &refund.step,
            Self::Referral(referral) => &referral.step,
            Self::Hold(hold) => &hold.step,
            Self::Commit(commit) => &commit.step,
            Self::Cancel(cancel) => &cancel.step,
            Self::Return(given) => &given.step,
        };
        Some((step.order.as_ref()?, step.stage.as_ref()?))
    }

    /// The amount that the event states, if any: paid, refunded, requested or held.
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

impl Event {
    /// The key that the partner itself keeps unique, if the event names order and stage.
    #[must_use]
    pub fn business_key(&self) -> Option<BusinessKey> {
        let (order, stage) = self.data.order_stage()?;
        Some(BusinessKey::of(&self.partner, self.data.kind(), order, stage))
    }
}

/// Reads one event from the bytes of a CloudEvents 1.0 JSON object. Amounts beyond the limits are
/// refused.
///
/// # Errors
/// [`Malformed`] with all problems, not only the first.
pub fn parse(
    partner: &PartnerId,
    limits: &EventLimits,
    bytes: &[u8],
    key: &FingerprintKey,
) -> Result<Event, Malformed> {
    parse_value(partner, limits, &read_json(bytes)?, key)
}

/// Reads one event from parsed JSON, such as an item of a batch.
///
/// # Errors
/// As [`parse`].
pub fn parse_value(
    partner: &PartnerId,
    limits: &EventLimits,
    value: &Value,
    key: &FingerprintKey,
) -> Result<Event, Malformed> {
    read(partner, Some(limits), value, key)
}

fn read(
    partner: &PartnerId,
    limits: Option<&EventLimits>,
    value: &Value,
    key: &FingerprintKey,
) -> Result<Event, Malformed> {
    let mut problems = Vec::new();
    let parsed = envelope::read(value, limits, &mut problems);
    match parsed {
        Some((attributes, data)) if problems.is_empty() => {
            let (body, fingerprint) = fingerprint::of(&attributes, &data, key);
            Ok(Event {
                partner: partner.clone(),
                id: attributes.id,
                effective_at: attributes.time,
                data,
                body,
                fingerprint,
            })
        }
        _ => Err(Malformed::Fields(problems)),
    }
}

/// Reads an event from the body that we kept. Personal data is not in it: a referral names nobody,
/// and the fingerprint is not the recorded one.
///
/// # Errors
/// As [`parse`].
pub fn parse_recorded(partner: &PartnerId, body: &str) -> Result<Event, Malformed> {
    let mut value = read_json(body.as_bytes())?;
    if let Some(envelope) = value.as_object_mut() {
        envelope.insert("specversion".to_owned(), json!("1.0"));
        if envelope.get("type").is_some_and(|kind| kind == Referral::TYPE)
            && let Some(data) = envelope.get_mut("data").and_then(Value::as_object_mut)
        {
            data.insert("contact".to_owned(), json!({ "name": "nobody", "phone": "+10000000" }));
        }
    }
    read(partner, None, &value, &FingerprintKey::new(b"not to be compared"))
}

#[cfg(test)]
mod tests;
