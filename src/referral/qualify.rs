#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::TimeDelta;

use super::lifecycle::{NOT_PROCEEDING, ReferralState};
use super::score::score;
use super::{Placement, Terms};
use crate::clock::Moment;
use crate::event::Referral;
use crate::ids::RuleId;
use crate::partner::attribution::{Existing, OwnStaff};
use crate::partner::scheme::Product;

/// What a referral comes to at first sight.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub state: ReferralState,
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

/// What is known of whoever is introduced.
#[derive(Clone, Debug, Default)]
pub struct KnownPerson {
    /// Since when they are a member of the partner, if they are named as one.
    pub enrolled_at: Option<Moment>,
    /// Whether they work for the partner.
    pub is_staff: bool,
    /// Whether they are the bank's customer already.
    pub is_customer: bool,
    /// Whether they are somebody's open referral for the product.
    pub is_claimed: bool,
    /// Patterns that this referral is one too many for.
    pub patterns: Vec<RuleId>,
}

impl Verdict {
    /// What becomes of it, and why in sentences for the partner.
    #[must_use]
    pub fn new(state: ReferralState, reasons: Vec<String>) -> Self {
        let placement = Placement::default();
        Self { state, reasons, finding: None, terms: None, placement, expires_at: None }
    }

    fn told(state: ReferralState, reason: &str) -> Self {
        Self::new(state, vec![reason.to_owned()])
    }

    /// All that the partner is told is that it does not proceed.
    fn declined(finding: String) -> Self {
        let declined = Self::told(ReferralState::Rejected, NOT_PROCEEDING);
        Self { finding: Some(finding), ..declined }
    }
}

/// Holds a referral against its product's terms, and against what is known of the person. A
/// referral without consent is not examined: the person has not asked for it.
#[must_use]
pub fn qualify(
    referral: &Referral,
    product: &Product,
    known: &KnownPerson,
    effective_at: Moment,
    now: Moment,
) -> Verdict {
    if referral.consent.is_none() {
        let why = "The person's consent to pass their data to the bank is missing: nothing is \
                   sent and the contact data is not kept. Ask for consent, then send a new event.";
        return Verdict::told(ReferralState::NeedsConsent, why);
    }
    let against = against(referral, product, known.enrolled_at, effective_at);
    if !against.is_empty() {
        return Verdict::new(ReferralState::Rejected, against);
    }
    let own_staff = product.attribution.as_ref().map(|it| it.self_referrals);
    if known.is_staff && own_staff == Some(OwnStaff::Reject) {
        let why = "Whoever works for the partner cannot be referred by it.";
        return Verdict::told(ReferralState::Rejected, why);
    }
    let existing = product.attribution.as_ref().map(|it| it.existing_customers);
    if known.is_customer && existing == Some(Existing::Reject) {
        return Verdict::declined("The bank's customer already.".to_owned());
    }
    if known.is_claimed {
        return Verdict::told(
            ReferralState::Duplicate,
            "The person is introduced for this product already.",
        );
    }
    let placement = score(referral, product, known.enrolled_at, effective_at);
    if placement.score < product.qualify.score_min {
        let (score, min) = (placement.score, product.qualify.score_min);
        return Verdict::declined(format!(
            "Scores {score}, below {min}. {}",
            placement.why.join(" ")
        ));
    }
    let mut found: Vec<String> = known.patterns.iter().map(|it| format!("pattern {it}")).collect();
    if known.is_staff && own_staff == Some(OwnStaff::Hold) {
        found.push("works for the partner".to_owned());
    }
    let terms = Some(Terms::of(product));
    if !found.is_empty() {
        let held = Verdict::told(ReferralState::OnHold, "The bank has to look at it first.");
        return Verdict { finding: Some(found.join(", ")), terms, placement, ..held };
    }
    let expires_at = terms.as_ref().and_then(|terms| terms.expires_at(now));
    let qualified = Verdict::told(ReferralState::Qualified, &within(referral, product));
    Verdict { terms, placement, expires_at, ..qualified }
}

/// What of the product's terms the referral does not meet.
fn against(
    referral: &Referral,
    product: &Product,
    enrolled_at: Option<Moment>,
    effective_at: Moment,
) -> Vec<String> {
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
    against
}

fn within(referral: &Referral, product: &Product) -> String {
    let (min, max) = (product.qualify.amount_min, product.qualify.amount_max);
    format!(
        "{} for {} {} in {}: within {min} to {max}, region served, consent given.",
        product.name,
        referral.amount,
        referral.amount.asset(),
        referral.region
    )
}
