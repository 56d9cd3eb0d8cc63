//! How a partner's payments look, counted by hour, day and month of recording, and held against patterns
//! that honest tills do not show. Pure: counts go in and come out. A pattern never releases anything.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;
use rust_decimal::Decimal;

use super::decision::{Decision, Occasion};
use super::explain::{HeldReason, UnusualSign};
use super::lot::Lots;
use super::tally::{Cost, PaymentSigns, ReferralFact, Tally, first_digit, is_round};
use crate::event::{EventData, Payment};
use crate::ids::{ConductKey, CustomerId, MemberKey, MemberRef, PartnerId};
use crate::ledger::AccountCode;
use crate::money::{Amount, AmountError, Asset};
use crate::partner::Partner;
use crate::partner::exposure::ExposurePeriod;
use crate::partner::payment_pattern::{PatternSign, PaymentPattern};

/// A partner's past, in weeks.
const PAST_WEEKS: i64 = 8;
/// The fewest of them with payments from which on there is a median to speak of.
const PAST_WEEKS_MIN: usize = 4;
/// An hour is night when its payments are fewer than the weekday's payments divided by this number.
const NIGHT_IS_ONE_IN: i64 = 200;
/// A payment that is reported within this time of its happening is live: a file is not.
const LIVE_MINUTES: i64 = 60;

/// The counts at hand.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    tallies: HashMap<ConductKey, Tally>,
    changed: BTreeMap<ConductKey, ConductPeriod>,
    /// Whether a customer of the bank stands behind them, where that was asked.
    linked: HashMap<CustomerId, bool>,
}

/// A partner's hour, day or month of recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConductPeriod {
    pub key: ConductKey,
    pub partner: PartnerId,
    /// Such as `2026-11`, `2026-11-27` or `2026-11-27 06`, in the programme's time zone.
    pub period: String,
}

/// The counts that events ask for: those that they change, and those of the past.
#[derive(Clone, Debug, Default)]
pub struct NeededConduct {
    pub present: BTreeMap<ConductKey, ConductPeriod>,
    pub past: BTreeSet<ConductKey>,
}

/// What an event adds to the counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    periods: [ConductPeriod; 3],
    act: ObservedAct,
    is_held: bool,
}

/// An act of a partner, as far as it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ObservedAct {
    Payment(PaymentSigns),
    /// Points redeemed, and those of them that were earned at the partner, in hundredths.
    Redemption {
        points: i64,
        own: i64,
    },
}

const PERIODS: [ExposurePeriod; 3] =
    [ExposurePeriod::Hour, ExposurePeriod::Day, ExposurePeriod::Month];

impl Conduct {
    pub fn add(&mut self, key: ConductKey, tally: Tally) {
        self.tallies.insert(key, tally);
    }

    pub fn add_linked(&mut self, customer: CustomerId, is_linked: bool) {
        self.linked.insert(customer, is_linked);
    }

    pub(super) fn get(&self, key: ConductKey) -> Tally {
        self.tallies.get(&key).cloned().unwrap_or_default()
    }

    /// Lets the counts follow a decision.
    pub fn follow(&mut self, decision: &Decision) {
        if let Some(day) = &decision.referred {
            self.count(day.clone(), |tally| tally.note(ReferralFact::Referred));
        }
        let Some(observed) = &decision.observed else { return };
        for period in &observed.periods {
            self.count(period.clone(), |tally| observed.count(tally));
        }
    }

    pub(super) fn count(&mut self, period: ConductPeriod, count: impl FnOnce(&mut Tally)) {
        count(self.tallies.entry(period.key).or_default());
        self.changed.insert(period.key, period);
    }

    /// The counts that have changed.
    pub fn changed(&self) -> impl Iterator<Item = (&ConductPeriod, &Tally)> {
        self.changed.values().filter_map(|period| Some((period, self.tallies.get(&period.key)?)))
    }
}

impl NeededConduct {
    /// Adds what an event of that partner asks for.
    pub fn by_event(&mut self, partner: &Partner, occasion: Occasion) {
        if partner.payment_patterns.is_empty() {
            return;
        }
        for per in PERIODS {
            let period = period_of(&partner.id, per, occasion, 0);
            self.present.entry(period.key).or_insert(period);
        }
        let by_past = |pattern: &PaymentPattern| {
            matches!(pattern.counts, PatternSign::Night | PatternSign::Velocity)
        };
        if partner.payment_patterns.iter().any(by_past) {
            for per in [ExposurePeriod::Hour, ExposurePeriod::Day] {
                let weeks =
                    (1..=PAST_WEEKS).map(|week| period_of(&partner.id, per, occasion, week));
                self.past.extend(weeks.map(|period| period.key));
            }
        }
    }
}

impl Observed {
    /// The same of an event that is held, or is not.
    pub fn held(self, is_held: bool) -> Self {
        Self { is_held, ..self }
    }

    fn count(&self, tally: &mut Tally) {
        match &self.act {
            ObservedAct::Payment(signs) => tally.pay(signs, self.is_held),
            ObservedAct::Redemption { points, own } => tally.redeem(*points, *own),
        }
    }
}

/// The period of recording, or the same period some weeks before.
fn period_of(
    partner: &PartnerId,
    per: ExposurePeriod,
    occasion: Occasion,
    weeks: i64,
) -> ConductPeriod {
    let local = occasion.recorded_at.utc().with_timezone(&occasion.zone).naive_local();
    let then = local.checked_sub_signed(TimeDelta::weeks(weeks)).unwrap_or(local);
    let period = per.of(then);
    let key = ConductKey::of_name(&["conduct", partner.as_str(), &period]);
    ConductPeriod { key, partner: partner.clone(), period }
}

/// What is counted of an event, if anything is.
pub fn observe(
    said: &EventData,
    partner: &Partner,
    conduct: &Conduct,
    lots: &Lots,
    judged: Judged<'_>,
) -> Option<Observed> {
    let Judged { decision, occasion } = judged;
    if partner.payment_patterns.is_empty() {
        return None;
    }
    let act = match said {
        EventData::Payment(payment) => {
            ObservedAct::Payment(signs_of(payment, partner, conduct, judged))
        }
        EventData::Commit(_) => redeemed(decision, partner, lots),
        EventData::Refund(_)
        | EventData::Referral(_)
        | EventData::Hold(_)
        | EventData::Cancel(_)
        | EventData::Return(_) => return None,
    };
    let periods = PERIODS.map(|per| period_of(&partner.id, per, occasion, 0));
    Some(Observed { periods, act, is_held: false })
}

/// A decision, and when it was made.
#[derive(Clone, Copy)]
pub struct Judged<'a> {
    pub decision: &'a Decision,
    pub occasion: Occasion,
}

fn signs_of(
    payment: &Payment,
    partner: &Partner,
    conduct: &Conduct,
    judged: Judged<'_>,
) -> PaymentSigns {
    let Judged { decision, occasion } = judged;
    let paid_by_bank = [AccountCode::SUBSIDY_EXPENSE, AccountCode::FEE_WAIVER_EXPENSE];
    let costs = decision.postings.iter().any(|posting| {
        paid_by_bank.contains(&posting.account.code) && posting.amount.is_negative()
    });
    let linked = decision.customer.and_then(|customer| conduct.linked.get(&customer).copied());
    let cost = match (costs, linked) {
        (true, Some(true)) => Cost::OfLinked,
        (true, Some(false)) => Cost::OfUnlinked,
        (false, _) | (true, None) => Cost::None,
    };
    let (happened, recorded) = (occasion.effective_at, occasion.recorded_at);
    let age = recorded.utc().signed_duration_since(happened.utc());
    PaymentSigns {
        is_live: age <= TimeDelta::minutes(LIVE_MINUTES),
        is_round: is_round(payment.gross),
        second: second_named(occasion),
        digit: first_digit(payment.gross),
        member: hex_of(&partner.id, &payment.member),
        next_member: next(&payment.member).map(|next| hex_of(&partner.id, &next)),
        cost,
    }
}

/// The second of its minute at which a payment happened. A till that writes whole minutes is known by
/// its minutes.
fn second_named(occasion: Occasion) -> u32 {
    let seconds = occasion.effective_at.unix_seconds();
    let second = seconds.rem_euclid(60);
    let named = if second == 0 { seconds.div_euclid(60).rem_euclid(60) } else { second };
    u32::try_from(named).unwrap_or(0)
}

fn hex_of(partner: &PartnerId, member: &MemberRef) -> String {
    crate::ids::hex(MemberKey::of(partner, member).bytes())
}

/// The reference whose number is one above: after `m-9` comes `m-10`, after `009` comes `010`.
fn next(member: &MemberRef) -> Option<MemberRef> {
    let text = member.as_str();
    let head = text.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let digits = text.get(head.len()..)?;
    let number: u64 = digits.parse().ok()?;
    let (next, width) = (number.checked_add(1)?, digits.len());
    MemberRef::try_from(format!("{head}{next:0width$}")).ok()
}

/// What a redemption takes of which points.
fn redeemed(decision: &Decision, partner: &Partner, lots: &Lots) -> ObservedAct {
    let taken = decision.postings.iter().filter(|posting| {
        posting.account.code == AccountCode::POINTS_REDEMPTION && posting.amount.minor() > 0
    });
    let (mut points, mut own) = (0_i64, 0_i64);
    for posting in taken {
        let minor = posting.amount.minor();
        points = points.saturating_add(minor);
        let lot = posting.lot.and_then(|lot| lots.get(lot));
        let by = lot.and_then(|lot| lot.reported.as_ref());
        if by.is_some_and(|by| by.partner == partner.id) {
            own = own.saturating_add(minor);
        }
    }
    ObservedAct::Redemption { points, own }
}

/// The first pattern that an event shows beyond what honest tills do, if there is one.
///
/// # Errors
/// [`AmountError`] when sums of redemption leave their range.
pub fn weigh(
    observed: &Observed,
    partner: &Partner,
    conduct: &Conduct,
    occasion: Occasion,
) -> Result<Option<HeldReason>, AmountError> {
    let [hour, day, month] = observed.periods.each_ref().map(|period| {
        let before = conduct.get(period.key);
        let mut after = before.clone();
        observed.count(&mut after);
        [before, after]
    });
    let past = Past { partner: &partner.id, conduct, occasion };
    for pattern in &partner.payment_patterns {
        let [before, after] = match pattern.per {
            ExposurePeriod::Hour => &hour,
            ExposurePeriod::Day => &day,
            ExposurePeriod::Month => &month,
        };
        let shown = match &observed.act {
            ObservedAct::Payment(signs) => signs_shown(pattern, [before, after], signs, &past),
            ObservedAct::Redemption { own, .. } => own_share(pattern, after, *own),
        };
        let Some((measured, sign)) = shown else { continue };
        if measured > pattern.max {
            return Ok(Some(HeldReason::Unusual {
                limit: pattern.id.clone(),
                per: pattern.per,
                sign,
                measured: measured.round_dp(4),
                at_most: pattern.max,
            }));
        }
    }
    Ok(None)
}

/// A figure, and what it was made of.
type Shown = Option<(Decimal, UnusualSign)>;

/// A partner's earlier weeks.
struct Past<'a> {
    partner: &'a PartnerId,
    conduct: &'a Conduct,
    occasion: Occasion,
}

impl Past<'_> {
    /// A count of the same hour or day of each of the weeks before.
    fn weeks(&self, per: ExposurePeriod, count: impl Fn(&Tally) -> i64) -> Vec<i64> {
        let weeks = 1..=PAST_WEEKS;
        weeks
            .map(|week| {
                let period = period_of(self.partner, per, self.occasion, week);
                self.conduct.tallies.get(&period.key).map_or(0, &count)
            })
            .collect()
    }
}

/// What a payment shows of a pattern. It is held for what it shows itself: another payment of the same
/// hour is not.
fn signs_shown(
    pattern: &PaymentPattern,
    [before, after]: [&Tally; 2],
    signs: &PaymentSigns,
    past: &Past<'_>,
) -> Shown {
    let enough = |among: i64| among >= pattern.least;
    match pattern.counts {
        PatternSign::RoundAmounts => {
            let (count, among) = (after.round, after.payments);
            let shows = signs.is_round && enough(among);
            shows.then(|| (share(count, among), UnusualSign::RoundAmounts { count, among }))
        }
        PatternSign::SameSecond => {
            let (count, among) = (after.seconds_named(), after.payments);
            let shows = before.names(signs.second) && enough(among);
            let empty = share(60_i64.saturating_sub(count), 60);
            shows.then_some((empty, UnusualSign::SameSecond { count, among }))
        }
        PatternSign::SequentialMembers => {
            let (count, among) = (after.in_sequence, after.live);
            let shows = after.in_sequence > before.in_sequence && enough(among);
            shows.then(|| (share(count, among), UnusualSign::SequentialMembers { count, among }))
        }
        PatternSign::FirstDigits => {
            let (digit, count) = after.fullest_digit();
            let among = after.with_digit();
            let shows = signs.digit == Some(digit) && enough(among);
            let sign = UnusualSign::FirstDigits { digit, count, among };
            shows.then(|| (after.from_benford(), sign))
        }
        PatternSign::UnlinkedShare => {
            let (count, among) = (after.unlinked, after.at_cost);
            let shows = signs.cost == Cost::OfUnlinked && enough(among);
            shows.then(|| (share(count, among), UnusualSign::UnlinkedShare { count, among }))
        }
        PatternSign::Night => night(pattern, after, signs, past),
        PatternSign::Velocity => velocity(pattern, after, signs, past),
        PatternSign::OwnRedemptionShare => None,
    }
}

fn night(pattern: &PaymentPattern, after: &Tally, signs: &PaymentSigns, past: &Past<'_>) -> Shown {
    let count = after.live;
    if !signs.is_live || Decimal::from(count) <= pattern.max {
        return None;
    }
    let sum = |weeks: Vec<i64>| weeks.into_iter().fold(0_i64, i64::saturating_add);
    let usual = sum(past.weeks(ExposurePeriod::Hour, Tally::live_taken));
    let among = sum(past.weeks(ExposurePeriod::Day, Tally::live_taken));
    let is_night = usual.saturating_mul(NIGHT_IS_ONE_IN) < among;
    let shows = is_night && among >= pattern.least;
    shows.then(|| (Decimal::from(count), UnusualSign::Night { count, usual, among }))
}

/// By hour, live payments are counted, because a file may come at any hour; by day, all are.
fn velocity(
    pattern: &PaymentPattern,
    after: &Tally,
    signs: &PaymentSigns,
    past: &Past<'_>,
) -> Shown {
    let by_hour = pattern.per == ExposurePeriod::Hour;
    let count = if by_hour { after.live } else { after.payments };
    if count < pattern.least || (by_hour && !signs.is_live) {
        return None;
    }
    let taken = if by_hour { Tally::live_taken } else { Tally::taken };
    let mut weeks = past.weeks(pattern.per, taken);
    // A partner that is new, or a shop that was closed, has weeks that say nothing.
    weeks.retain(|payments| *payments > 0);
    if weeks.len() < PAST_WEEKS_MIN {
        return None;
    }
    let usual = median(&mut weeks);
    let mut distances: Vec<i64> =
        weeks.iter().map(|payments| payments.saturating_sub(usual).saturating_abs()).collect();
    // Counts of independent purchases spread by the root of their mean at least.
    let spread = median(&mut distances).max(usual.isqrt()).max(1);
    let above = share(count.saturating_sub(usual), spread);
    Some((above, UnusualSign::Velocity { count, usual, spread }))
}

/// What a redemption shows of a pattern.
fn own_share(pattern: &PaymentPattern, after: &Tally, own: i64) -> Shown {
    let enough = after.redeemed >= pattern.least.saturating_mul(100);
    if pattern.counts != PatternSign::OwnRedemptionShare || own == 0 || !enough {
        return None;
    }
    let points = Amount::from_minor(after.redeemed_own, Asset::PTS);
    let redeemed = Amount::from_minor(after.redeemed, Asset::PTS);
    let measured = share(after.redeemed_own, after.redeemed);
    Some((measured, UnusualSign::OwnRedemptionShare { points, redeemed }))
}

pub(super) fn share(part: i64, whole: i64) -> Decimal {
    Decimal::from(part).checked_div(Decimal::from(whole)).unwrap_or_default()
}

/// The middle of these numbers: of an even count the higher of the two, so that a partner that grows is
/// no flood.
fn median(numbers: &mut [i64]) -> i64 {
    numbers.sort_unstable();
    let middle = numbers.len().div_euclid(2);
    numbers.get(middle).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_after_a_member_s_keeps_its_form() {
        let after = |text: &str| next(&text.parse().unwrap()).map(|next| next.as_str().to_owned());
        assert_eq!(after("m-9").as_deref(), Some("m-10"));
        assert_eq!(after("009").as_deref(), Some("010"));
        assert_eq!(after("card"), None);
        assert_eq!(after("99999999999999999999999"), None);
    }

    #[test]
    fn the_median_is_the_higher_middle() {
        assert_eq!(median(&mut [5, 1, 9, 3]), 5);
        assert_eq!(median(&mut [5, 1, 9]), 5);
        assert_eq!(median(&mut []), 0);
    }
}
