//! What is named by what: keys that are hashes of other ids.

use super::{
    BusinessKey, CodeKey, EventId, EventKey, MemberKey, MemberRef, OrderKey, OrderNumber,
    PartnerId, QuoteId, RedemptionCode, ReferralId, RequestKey, StageName,
};

impl EventKey {
    #[must_use]
    pub fn of(partner: &PartnerId, event: &EventId) -> Self {
        Self::of_name(&[partner.as_str(), event.as_str()])
    }

    /// The key under which a lead is counted for its customer manager.
    #[must_use]
    pub fn of_lead(referral: ReferralId) -> Self {
        Self::of_name(&["lead", &referral.to_string()])
    }

    /// Under which an open quote counts.
    #[must_use]
    pub fn of_quote(quote: QuoteId) -> Self {
        Self::of_name(&["quote", &quote.to_string()])
    }

    /// Under which a quote that has ended is taken off what it counted.
    #[must_use]
    pub fn of_ended_quote(quote: QuoteId) -> Self {
        Self::of_name(&["ended quote", &quote.to_string()])
    }

    /// Under which the lines of an event stand that staff released: those of the held event itself
    /// brought nothing.
    #[must_use]
    pub fn of_release(event: Self) -> Self {
        Self::of_name(&["release", &uuid::Uuid::from_bytes(*event.bytes()).to_string()])
    }

    /// The key under which it is no longer counted.
    #[must_use]
    pub fn of_closed_lead(referral: ReferralId) -> Self {
        Self::of_name(&["closed lead", &referral.to_string()])
    }
}

impl BusinessKey {
    #[must_use]
    pub fn of(partner: &PartnerId, kind: &str, order: &OrderNumber, stage: &StageName) -> Self {
        Self::of_name(&[partner.as_str(), kind, order.as_str(), stage.as_str()])
    }
}

impl OrderKey {
    /// The order of messages about the person with this phone number, by its blind index.
    #[must_use]
    pub fn of_person(phone_index: &[u8; 32]) -> Self {
        let mut key = [0; 16];
        key.iter_mut().zip(phone_index).for_each(|(to, from)| *to = *from);
        Self(key)
    }
}

impl CodeKey {
    #[must_use]
    pub fn of(code: &RedemptionCode) -> Self {
        Self::of_name(&["redemption code", code.as_str()])
    }
}

impl RequestKey {
    /// A caller without a request: all stored answers of a caller are found by it.
    #[must_use]
    pub fn of_caller(name: &str) -> Self {
        Self::of_name(&["caller", name])
    }

    /// The same for a customer, by the subject that the bank's identity provider gives them.
    #[must_use]
    pub fn of_customer(subject: &str) -> Self {
        Self::of_caller(&format!("customer {subject}"))
    }
}

impl MemberKey {
    #[must_use]
    pub fn of(partner: &PartnerId, member: &MemberRef) -> Self {
        Self::of_name(&[partner.as_str(), member.as_str()])
    }
}
