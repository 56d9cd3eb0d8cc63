//! What a partner costs the bank, counted by hour, day and month, and held against its limits. The
//! figures only rise: what is refunded was exposed all the same, and money may have left by then.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use super::decision::{Decision, Occasion};
use super::explain::HeldReason;
use crate::ids::{CustomerId, ExposureKey, PartnerId, RuleId};
use crate::ledger::AccountCode;
use crate::money::{Amount, AmountError, Asset, Rounding};
use crate::partner::Partner;
use crate::partner::exposure::{ExposedParty, ExposureDay, ExposureLimit, ExposureMeasure};

/// The figures at hand, in smallest units.
#[derive(Clone, Debug, Default)]
pub struct Exposures(HashMap<ExposureKey, i64>);

/// What a limit counts: of whom, and in which period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposureBucket {
    pub key: ExposureKey,
    pub partner: PartnerId,
    pub rule: RuleId,
    /// The customer; nothing for what counts for all of a partner.
    pub customer: Option<CustomerId>,
    /// Such as `2026-11`, `2026-11-27` or `2026-11-27 06`, in the programme's time zone.
    pub period: String,
}

/// What an event adds to a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    pub bucket: ExposureBucket,
    /// In hundredths of points, or fen.
    pub amount: i64,
}

/// The figures that events ask for, each with what it counts.
#[derive(Clone, Debug, Default)]
pub struct NeededExposures(pub BTreeMap<ExposureKey, ExposureBucket>);

/// An event's cost, held against the limits.
pub enum Weighed {
    /// What it adds to the figures.
    Within(Vec<Exposed>),
    Beyond(HeldReason),
}

impl Exposures {
    pub fn add(&mut self, key: ExposureKey, figure: i64) {
        self.0.insert(key, figure);
    }

    #[must_use]
    pub fn get(&self, key: ExposureKey) -> i64 {
        self.0.get(&key).copied().unwrap_or(0)
    }

    /// Lets the figures follow a decision.
    pub fn follow(&mut self, decision: &Decision) -> Result<(), AmountError> {
        for exposed in &decision.exposed {
            let figure = self.0.entry(exposed.bucket.key).or_insert(0);
            let out_of_range = AmountError::OutOfRange { asset: Asset::CNY };
            *figure = figure.checked_add(exposed.amount).ok_or(out_of_range)?;
        }
        Ok(())
    }
}

impl NeededExposures {
    /// Adds the figures of an event of that partner, for that customer if it names one.
    pub fn by_event(
        &mut self,
        partner: &Partner,
        customer: Option<CustomerId>,
        occasion: Occasion,
    ) {
        for (_limit, bucket) in buckets(partner, customer, occasion) {
            self.0.entry(bucket.key).or_insert(bucket);
        }
    }
}

/// The limits of an event, each with what it counts. A limit at the end of the range is none.
pub fn buckets(
    partner: &Partner,
    customer: Option<CustomerId>,
    occasion: Occasion,
) -> impl Iterator<Item = (&ExposureLimit, ExposureBucket)> {
    let bounded = |limit: &&ExposureLimit| limit.max.minor() < i64::MAX;
    partner.exposure.iter().filter(bounded).filter_map(move |limit| {
        let customer = match limit.of {
            ExposedParty::Partner => None,
            ExposedParty::Form => partner.form.as_ref().map(|_form| None)?,
            ExposedParty::Customer => Some(customer?),
        };
        Some((limit, bucket(partner, limit, customer, occasion)))
    })
}

fn bucket(
    partner: &Partner,
    limit: &ExposureLimit,
    customer: Option<CustomerId>,
    occasion: Occasion,
) -> ExposureBucket {
    let at = match limit.by {
        ExposureDay::Recorded => occasion.recorded_at,
        ExposureDay::Happened => occasion.effective_at,
    };
    let local = at.utc().with_timezone(&occasion.zone);
    let period = limit.per.of(local.naive_local());
    let whose = customer.map(|customer| customer.to_string()).unwrap_or_default();
    let (id, rule) = (partner.id.clone(), limit.id.clone());
    let key = ExposureKey::of_name(&["exposure", id.as_str(), rule.as_str(), &whose, &period]);
    ExposureBucket { key, partner: id, rule, customer, period }
}

/// Holds what a decision costs against the partner's limits.
pub fn weigh(
    decision: &Decision,
    partner: &Partner,
    occasion: Occasion,
    exposures: &Exposures,
) -> Result<Weighed, AmountError> {
    let mut within = Vec::new();
    for (limit, bucket) in buckets(partner, decision.customer, occasion) {
        let cost = cost(decision, limit.measure, partner.programme.points.redemption_price)?;
        if cost.minor() <= 0 {
            continue;
        }
        let before = Amount::from_minor(exposures.get(bucket.key), cost.asset());
        let figure = before.checked_add(cost)?;
        if figure.minor() > limit.max.minor() {
            let ExposureLimit { id, of, measure, per, by, max, .. } = limit.clone();
            let reason =
                HeldReason::BeyondExposure { limit: id, of, measure, per, by, figure, max };
            return Ok(Weighed::Beyond(reason));
        }
        within.push(Exposed { bucket, amount: cost.minor() });
    }
    Ok(Weighed::Within(within))
}

/// What a decision costs the bank at most: money, and points at their price.
pub fn total_cost(decision: &Decision, price: Decimal) -> Result<Amount, AmountError> {
    cost(decision, ExposureMeasure::Total, price)
}

/// What a decision costs the bank at most, by a measure.
fn cost(
    decision: &Decision,
    measure: ExposureMeasure,
    price: Decimal,
) -> Result<Amount, AmountError> {
    let borne = |codes: &[AccountCode]| {
        let on = decision.postings.iter().filter(|posting| codes.contains(&posting.account.code));
        on.map(|posting| posting.amount).try_fold(Amount::zero(Asset::CNY), Amount::checked_sub)
    };
    let points = || {
        let issued = decision.lots.iter().map(|lot| lot.issued);
        issued.into_iter().try_fold(Amount::zero(Asset::PTS), Amount::checked_add)
    };
    let subsidy = [AccountCode::SUBSIDY_EXPENSE, AccountCode::FEE_WAIVER_EXPENSE];
    match measure {
        ExposureMeasure::Points => points(),
        ExposureMeasure::Subsidy => borne(&subsidy),
        ExposureMeasure::Commission => borne(&[AccountCode::REFERRAL_EXPENSE]),
        ExposureMeasure::Redemption => borne(&[AccountCode::REDEMPTION_EXPENSE]),
        ExposureMeasure::Total => {
            let worth = points()?.decimal().checked_mul(price);
            let worth = worth.ok_or(AmountError::OutOfRange { asset: Asset::CNY })?;
            let worth = Amount::round(worth, Asset::CNY, Rounding::Up)?;
            let money = [
                AccountCode::SUBSIDY_EXPENSE,
                AccountCode::FEE_WAIVER_EXPENSE,
                AccountCode::REFERRAL_EXPENSE,
                AccountCode::REDEMPTION_EXPENSE,
            ];
            worth.checked_add(borne(&money)?)
        }
    }
}
