//! How a partner's referrals end, counted by day of recording, and held against patterns that those of
//! honest partners do not show. Pure: counts go in and come out. A pattern never releases anything.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::TimeDelta;

use super::conduct::{Conduct, ConductPeriod, NeededConduct, share};
use super::decision::Occasion;
use super::explain::HeldReason;
use super::tally::ReferralFact;
use crate::ids::{ConductKey, PartnerId};
use crate::partner::Partner;
use crate::partner::exposure::ExposurePeriod;
use crate::partner::referral_pattern::{ReferralPattern, ReferralSign};

impl NeededConduct {
    /// Adds the days that a referral of that partner is held against.
    pub fn by_referral(&mut self, partner: &Partner, occasion: Occasion) {
        let Some(days) = partner.referral_patterns.iter().map(|pattern| pattern.days).max() else {
            return;
        };
        let today = day_of(&partner.id, occasion, 0);
        self.present.entry(today.key).or_insert(today);
        let before = (1..i64::from(days)).map(|days| day_of(&partner.id, occasion, days));
        self.past.extend(before.map(|day| day.key));
    }
}

impl Conduct {
    /// Counts what became of a referral of that partner.
    pub fn note(&mut self, partner: &Partner, occasion: Occasion, fact: ReferralFact) {
        if let Some(day) = observe(partner, occasion) {
            self.count(day, |tally| tally.note(fact));
        }
    }
}

/// The day for which a referral of that partner counts, if it counts at all.
pub fn observe(partner: &Partner, occasion: Occasion) -> Option<ConductPeriod> {
    (!partner.referral_patterns.is_empty()).then(|| day_of(&partner.id, occasion, 0))
}

/// The day of recording, or one some days before.
fn day_of(partner: &PartnerId, occasion: Occasion, days: i64) -> ConductPeriod {
    let local = occasion.recorded_at.utc().with_timezone(&occasion.zone).naive_local();
    let then = local.checked_sub_signed(TimeDelta::days(days)).unwrap_or(local);
    let period = ExposurePeriod::Day.of(then);
    let key = ConductKey::of_name(&["referrals", partner.as_str(), &period]);
    ConductPeriod { key, partner: partner.clone(), period }
}

/// The first pattern that a partner's referrals show beyond what those of honest partners do, if there
/// is one.
pub fn weigh(partner: &Partner, conduct: &Conduct, occasion: Occasion) -> Option<HeldReason> {
    partner.referral_patterns.iter().find_map(|pattern| {
        let (count, among) = counted(pattern, partner, conduct, occasion);
        let measured = share(count, among);
        (among >= pattern.least && measured > pattern.max).then(|| HeldReason::UnusualReferrals {
            limit: pattern.id.clone(),
            counts: pattern.counts,
            days: pattern.days,
            count,
            among,
            measured: measured.round_dp(4),
            at_most: pattern.max,
        })
    })
}

/// How many referrals of the window show the sign, and among how many.
fn counted(
    pattern: &ReferralPattern,
    partner: &Partner,
    conduct: &Conduct,
    occasion: Occasion,
) -> (i64, i64) {
    let (mut count, mut among) = (0_i64, 0_i64);
    for days in 0..i64::from(pattern.days) {
        let tally = conduct.get(day_of(&partner.id, occasion, days).key);
        let (shown, all) = match pattern.counts {
            ReferralSign::BadLeads => (tally.bad, tally.bad.saturating_add(tally.met)),
            ReferralSign::Withdrawn => (tally.withdrawn, tally.referred),
        };
        count = count.saturating_add(shown);
        among = among.saturating_add(all);
    }
    (count, among)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Moment;
    use crate::partner::programme::Programme;

    fn agency() -> Partner {
        let text = include_str!("../../partners/sunny-travel/partner.toml");
        let programme = Arc::new(Programme::default());
        Partner::parse(text, "partner.toml", "sunny-travel", &programme).unwrap()
    }

    fn at(text: &str) -> Occasion {
        let at = Moment::parse(text).unwrap();
        Occasion::new(at, at, chrono_tz::Asia::Shanghai)
    }

    fn rule(partner: &Partner, conduct: &Conduct, occasion: Occasion) -> Option<String> {
        weigh(partner, conduct, occasion).map(|why| why.rule().to_owned())
    }

    #[test]
    fn more_bad_leads_than_good_ones_hold_from_the_twentieth_answer_on() {
        let (partner, now) = (agency(), at("2026-11-27T04:00:00Z"));
        let mut conduct = Conduct::default();
        (0..9).for_each(|_| conduct.note(&partner, now, ReferralFact::Met));
        (0..10).for_each(|_| conduct.note(&partner, now, ReferralFact::Bad));
        assert_eq!(rule(&partner, &conduct, now), None);
        conduct.note(&partner, now, ReferralFact::Bad);
        assert_eq!(rule(&partner, &conduct, now).as_deref(), Some("bad-leads"));
        // Good leads outweigh them again.
        (0..2).for_each(|_| conduct.note(&partner, now, ReferralFact::Met));
        assert_eq!(rule(&partner, &conduct, now), None);
    }

    #[test]
    fn a_window_ends_with_its_days() {
        let partner = agency();
        let mut conduct = Conduct::default();
        let first = at("2026-11-01T04:00:00Z");
        (0..40).for_each(|_| conduct.note(&partner, first, ReferralFact::Referred));
        (0..11).for_each(|_| conduct.note(&partner, first, ReferralFact::Withdrawn));
        let last = at("2026-11-30T15:59:59Z");
        assert_eq!(rule(&partner, &conduct, last).as_deref(), Some("withdrawn-by-partner"));
        assert_eq!(rule(&partner, &conduct, at("2026-11-30T16:00:00Z")), None);
    }

    #[test]
    fn an_event_asks_for_all_days_of_the_longest_window() {
        let mut needed = NeededConduct::default();
        needed.by_referral(&agency(), at("2026-11-27T04:00:00Z"));
        assert_eq!((needed.present.len(), needed.past.len()), (1, 29));
    }
}
