//! What a partner said. Bytes become an [`Event`] here or a list of problems, each with a JSON
//! pointer; nothing further in takes anything else. What the event is worth is `program`'s.

mod consent;
mod difference;
mod envelope;
mod fingerprint;
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
pub use object::read_object;
pub use payment::{Instalment, Line, Payment};
pub use problem::{FieldProblem, Malformed};
pub use reader::{AMOUNT_IS_NUMBER, Reader, UNKNOWN_FIELD};
pub use redemption::{Cancel, Commit, Hold, Return};
pub use referral::{Contact, Referral, is_e164, read_contact};
pub use refund::{Refund, RefundLine};
pub use stage::OrderStage;

use crate::clock::Moment;
use crate::ids::{BusinessKey, EventId, MemberRef, PartnerId};
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
    Referral(Box<Referral>),
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
            | Self::Cancel(Cancel { hold, .. })
            | Self::Return(Return { hold, .. }) => Some(hold),
            Self::Payment(_) | Self::Refund(_) | Self::Referral(_) | Self::Hold(_) => None,
        }
    }

    /// The event that it refers to: a refund's payment, or the hold that it closes or undoes.
    #[must_use]
    pub const fn refers_to(&self) -> Option<&EventId> {
        match self {
            Self::Refund(refund) => Some(&refund.payment),
            said => said.hold(),
        }
    }

    /// Lets it refer to another event, which is the same to the partner.
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
    fn order_stage(&self) -> Option<(&EventId, &EventId)> {
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

impl Event {
    /// What the partner itself holds unique, where it says so.
    #[must_use]
    pub fn business_key(&self) -> Option<BusinessKey> {
        let (order, stage) = self.said.order_stage()?;
        Some(BusinessKey::of(&self.partner, self.said.kind(), order, stage))
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
