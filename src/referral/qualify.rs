use chrono::TimeDelta;

use super::lifecycle::State;
use super::{Placement, Terms};
use crate::clock::Moment;
use crate::event::Referral;
use crate::partner::scheme::Product;

/// What a referral comes to at first sight.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub state: State,
    /// Why it is not qualified, each in a sentence that the partner may read; or, when it is, why
    /// it is.
    pub reasons: Vec<String>,
    /// What only the bank may know of why.
    pub finding: Option<String>,
    /// What is promised for it, if it is or may become a lead.
    pub terms: Option<Terms>,
    pub placement: Placement,
    /// When it expires if nothing comes of it.
    pub expires_at: Option<Moment>,
}

impl Verdict {
    /// What becomes of it, and why in sentences for the partner.
    #[must_use]
    pub fn new(state: State, reasons: Vec<String>) -> Self {
        let placement = Placement::default();
        Self { state, reasons, finding: None, terms: None, placement, expires_at: None }
    }
}

/// Holds a referral against its product's terms. A referral without consent is not examined: the
/// person has not asked for it.
#[must_use]
pub fn qualify(
    referral: &Referral,
    product: &Product,
    enrolled_at: Option<Moment>,
    effective_at: Moment,
) -> Verdict {
    if referral.consent.is_none() {
        let why = "The person's consent to pass their data to the bank is missing: nothing is \
                   sent and the contact data is not kept. Ask for consent, then send a new event.";
        return Verdict::new(State::NeedsConsent, vec![why.to_owned()]);
    }
    let terms = &product.qualify;
    let (min, max, amount) = (terms.amount_min, terms.amount_max, referral.amount);
    let mut against = Vec::new();
    if amount.minor() < min.minor() || amount.minor() > max.minor() {
        against.push(format!("The amount is outside {min} to {max} {}.", amount.asset()));
    }
    if !terms.regions.contains(&referral.region) {
        let served = terms.regions.join(", ");
        against.push(format!("The region is not one the bank serves for this product: {served}."));
    }
    let standing_min = TimeDelta::days(i64::from(terms.standing_days_min));
    let stands = enrolled_at.is_some_and(|since| since.plus(standing_min) <= effective_at);
    if terms.standing_days_min > 0 && !stands {
        let days = terms.standing_days_min;
        against.push(format!("The customer must have been a member for {days} days."));
    }
    if against.is_empty() {
        let why = format!(
            "{} for {amount} {} in {}: within {min} to {max}, region served, consent given.",
            product.name,
            amount.asset(),
            referral.region
        );
        let terms = Some(Terms::of(product));
        Verdict { terms, ..Verdict::new(State::Qualified, vec![why]) }
    } else {
        Verdict::new(State::Rejected, against)
    }
}
