//! Collecting the facts about a customer from the ledger and the referrals.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::stage::StageFacts;
use crate::behaviour;
use crate::clock::Moment;
use crate::ids::CustomerId;
use crate::ledger::{Account, AccountCode};
use crate::money::Asset;
use crate::partner::follow_up::StageRules;
use crate::referral::ReferralState;
use crate::store::referrals::ReferralRecord;
use crate::store::{Db, StoreError, customer_stages};

/// The time that facts are taken of: two windows of the rules that end now.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    pub rules: &'a StageRules,
    pub zone: Tz,
    pub now: Moment,
}

/// The facts about a customer. Only payments that brought points count, because they are found by
/// the entries on the customer's points.
pub fn facts(
    db: &mut Db,
    customer: CustomerId,
    referrals: &[ReferralRecord],
    window: Window<'_>,
) -> Result<StageFacts, StoreError> {
    let Window { rules, zone, now } = window;
    let windows = i64::from(rules.window_days).saturating_mul(2);
    let since = now.minus(TimeDelta::days(windows));
    let mut keys = Vec::new();
    for code in [AccountCode::POINTS_AVAILABLE, AccountCode::POINTS_PENDING] {
        let account = Account::customer(code, customer, Asset::PTS);
        keys.extend(behaviour::payments(db, &account, since)?);
    }
    keys.sort_unstable();
    keys.dedup();
    let paid = customer_stages::paid(db, &keys)?;
    let product = |states: &[ReferralState]| {
        let last = referrals.iter().rev().find(|referral| states.contains(&referral.state));
        last.map(|referral| referral.product.clone())
    };
    Ok(StageFacts {
        today: now.day_in(zone),
        before: customer_stages::get(db, customer)?.map(|record| record.stage),
        considers: product(&[
            ReferralState::Qualified,
            ReferralState::Sent,
            ReferralState::Contacted,
        ]),
        has: product(&[ReferralState::Converted, ReferralState::Rewarded]),
        payments: paid.into_iter().map(|(at, amount)| (at.day_in(zone), amount)).collect(),
    })
}
