use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::attribution::Pattern;
use super::bank_account::BankAccount;
use super::behaviour::Behaviour;
use super::consent_text::ConsentText;
use super::exposure::{self, ExposureLimit, Lateness};
use super::follow_up::{self, Calendar, StageRules, TaskRule};
use super::lead::Branch;
use super::limits::{EventLimits, LimitsTable};
use super::notice::{self, NoticeKind};
use super::payment_pattern::{self, PaymentPattern};
use super::redemption::{CodeRules, RedemptionRules};
use super::referral_limits::ReferralLimits;
use super::referral_pattern::{self, ReferralPattern};
use super::retention::Retention;
use super::settlement::SettlementRules;
use super::staff::StaffLimits;
use super::terms;
use crate::ids::RuleId;
use crate::money::{Amount, Asset};
use crate::partner::place::{ManifestError, Place};

/// The bank's loyalty programme: what holds for all partners.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programme {
    pub points: Points,
    #[serde(default, rename = "limits")]
    limits_table: LimitsTable,
    /// The most that one event may be about.
    #[serde(skip)]
    pub limits: EventLimits,
    /// How late an event may come.
    #[serde(default, rename = "events")]
    pub lateness: Lateness,
    /// What a partner may cost the bank before people say yes.
    #[serde(default = "usual_exposure")]
    pub exposure: Vec<ExposureLimit>,
    /// What honest tills do not do.
    #[serde(default = "usual_patterns")]
    pub payment_pattern: Vec<PaymentPattern>,
    /// How the referrals of honest partners do not end.
    #[serde(default = "usual_referral_patterns")]
    pub referral_pattern: Vec<ReferralPattern>,
    /// `None`: there are no tiers.
    pub tiers: Option<Tiers>,
    #[serde(default)]
    pub adjustment: Adjustment,
    /// What one partner's referrals may take of what all share.
    #[serde(default)]
    pub referrals: ReferralLimits,
    /// What staff may do alone in a day.
    #[serde(default)]
    pub staff: StaffLimits,
    /// When points may be redeemed where they were earned.
    #[serde(default)]
    pub redemption: RedemptionRules,
    /// What a customer's code at a till is good for.
    #[serde(default)]
    pub codes: CodeRules,
    /// Branches with their customer managers. Without any, no manager is chosen.
    #[serde(default)]
    pub branch: Vec<Branch>,
    /// Customer behaviour that makes leads.
    #[serde(default)]
    pub behaviour: Vec<Behaviour>,
    /// Patterns of referrals that people must examine.
    #[serde(default)]
    pub pattern: Vec<Pattern>,
    /// The texts by which people agree to be referred. Without any, every text is taken.
    #[serde(default)]
    pub consent_text: Vec<ConsentText>,
    #[serde(default)]
    pub retention: Retention,
    /// Notices to customers.
    #[serde(default = "usual_notices")]
    pub notice: Vec<NoticeKind>,
    /// The rules of a customer's stage. `None`: customers have no stage.
    pub stage: Option<StageRules>,
    /// Tasks for customer managers.
    #[serde(default)]
    pub task: Vec<TaskRule>,
    /// The working days of customer managers.
    #[serde(default)]
    pub calendar: Calendar,
    /// By when a month is settled.
    #[serde(default)]
    pub settlement: SettlementRules,
    /// The account from which partners are paid. Without it no payout is ordered.
    pub payout: Option<BankAccount>,
}

/// Tiers by what a customer paid at all partners, in a window of whole calendar months that ends with
/// the present month. A tier is reached at once, checked again a window later, and kept for the
/// grace period.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    pub window_months: u32,
    pub grace_days: u32,
    /// From the lowest to the highest.
    pub tier: Vec<Tier>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    pub id: RuleId,
    #[serde(deserialize_with = "terms::yuan")]
    pub spend: Amount,
    /// What customers call it. Without a name they read the id.
    pub name: Option<String>,
    pub name_zh: Option<String>,
}

impl Tier {
    #[must_use]
    pub fn english(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    #[must_use]
    pub fn chinese(&self) -> &str {
        self.name_zh.as_deref().unwrap_or(self.english())
    }
}

impl Tiers {
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Tier> {
        self.tier.iter().find(|tier| tier.id.as_str() == id)
    }

    /// The highest tier that an amount reaches.
    #[must_use]
    pub fn reached(&self, spent: Amount) -> Option<&Tier> {
        self.tier.iter().rev().find(|tier| spent.minor() >= tier.spend.minor())
    }

    /// The position of a tier, the lowest first; `None` if it is no longer there.
    #[must_use]
    pub fn rank(&self, id: &RuleId) -> Option<usize> {
        self.tier.iter().position(|tier| tier.id == *id)
    }
}

/// The longest time that a pattern looks back over: a year.
pub const HOURS_MAX: u32 = 8_784;

/// The most that 1.00 points may cost or be worth, in CNY.
const PRICE_MAX: u32 = 1_000;

/// The longest hold of points: a year.
const HOLD_SECONDS_MAX: u32 = 31_536_000;

/// The longest grace of a tier: ten years.
const GRACE_DAYS_MAX: u32 = 3_660;

/// What staff may do to a customer's points by hand.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// The most points that one person may give or take alone. Beyond it a second person approves.
    #[serde(deserialize_with = "terms::points_or_none")]
    pub alone_max: Amount,
}

/// What points are worth.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// CNY that each 1.00 points issued costs the bank; kept with every lot.
    #[serde(deserialize_with = "terms::decimal")]
    pub unit_cost: Decimal,
    /// CNY that the bank owes a partner for each 1.00 points redeemed there.
    #[serde(deserialize_with = "terms::decimal")]
    pub redemption_price: Decimal,
    /// How long points stay held for a redemption that is not committed, in seconds.
    pub hold_seconds: u32,
}

/// Without the setting nobody acts alone.
impl Default for Adjustment {
    fn default() -> Self {
        Self { alone_max: Amount::zero(Asset::PTS) }
    }
}

impl Default for Programme {
    /// A test proves that the file in the program can be read.
    fn default() -> Self {
        Self::parse(Self::DEFAULT, Self::FILE).unwrap_or(Self {
            points: Points {
                unit_cost: Decimal::ZERO,
                redemption_price: Decimal::ZERO,
                hold_seconds: 1,
            },
            limits_table: LimitsTable::default(),
            limits: EventLimits::default(),
            lateness: Lateness::default(),
            exposure: Vec::new(),
            payment_pattern: Vec::new(),
            referral_pattern: Vec::new(),
            tiers: None,
            adjustment: Adjustment::default(),
            referrals: ReferralLimits::default(),
            staff: StaffLimits::default(),
            redemption: RedemptionRules::default(),
            codes: CodeRules::default(),
            branch: Vec::new(),
            behaviour: Vec::new(),
            pattern: Vec::new(),
            consent_text: Vec::new(),
            retention: Retention::default(),
            notice: Vec::new(),
            stage: None,
            task: Vec::new(),
            calendar: Calendar::default(),
            settlement: SettlementRules::default(),
            payout: None,
        })
    }
}

impl Programme {
    /// The file's name beside the partners' folders.
    pub const FILE: &'static str = "programme.toml";
    /// The programme that holds if there is no file.
    pub const DEFAULT: &'static str = include_str!("../../../partners/programme.toml");

    /// The registered text of that version and hash.
    #[must_use]
    pub fn text(&self, version: &str, sha256: &[u8; 32]) -> Option<&ConsentText> {
        self.consent_text.iter().find(|text| text.version == version && text.sha256 == *sha256)
    }

    /// The kind of notice of that name.
    #[must_use]
    pub fn notice(&self, kind: &str) -> Option<&NoticeKind> {
        self.notice.iter().find(|notice| notice.kind == kind)
    }

    /// Reads the programme. `file` is its name for errors.
    ///
    /// # Errors
    /// [`ManifestError`] with the line of the first fault.
    pub fn parse(text: &str, file: &str) -> Result<Self, ManifestError> {
        let place = Place { text, file };
        let mut programme: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            place.error(start, error.message())
        })?;
        let Points { unit_cost, redemption_price, hold_seconds } = programme.points;
        if unit_cost.is_sign_negative() || redemption_price.is_sign_negative() || hold_seconds == 0
        {
            return Err(place.error(0, "points: expected values above zero"));
        }
        if let Some(what) = programme.beyond() {
            return Err(place.error(0, what));
        }
        programme.limits = EventLimits::of_programme(programme.limits_table)
            .map_err(|what| place.error(0, what))?;
        let lateness = programme.lateness.fault();
        let patterns = || {
            payment_pattern::fault(&programme.payment_pattern)
                .or_else(|| referral_pattern::fault(&programme.referral_pattern))
        };
        let exposure = || exposure::fault(&programme.exposure);
        if let Some(what) = lateness.or_else(exposure).or_else(patterns) {
            return Err(place.error(0, what));
        }
        if let Some(what) = programme.consent_text.iter().find_map(ConsentText::lacks) {
            return Err(place.error(0, format!("consent_text: {what} is empty")));
        }
        if let Some(what) = programme.retention.fault() {
            return Err(place.error(0, what));
        }
        let usual = usual_notices().into_iter();
        let missing: Vec<NoticeKind> = usual
            .filter(|it| notice::is_told_at_once(&it.kind) && programme.notice(&it.kind).is_none())
            .collect();
        programme.notice.extend(missing);
        if let Some(what) = notice::fault(&programme.notice) {
            return Err(place.error(0, format!("notice: {what}")));
        }
        if let Some(what) = follow_up::fault(programme.stage.as_ref(), &programme.task) {
            return Err(place.error(0, what));
        }
        if let Some(tiers) = &programme.tiers {
            let rises = |pair: &[Tier]| matches!(pair, [low, high] if low.spend.minor() < high.spend.minor());
            let in_order = tiers.tier.windows(2).all(rises);
            if tiers.tier.is_empty() || !in_order || !(1..=60).contains(&tiers.window_months) {
                let what =
                    "tiers: expected tiers that rise in spend, and a window of 1 to 60 months";
                return Err(place.error(0, what));
            }
        }
        if let Some(what) = programme.referrals.fault() {
            return Err(place.error(0, what));
        }
        programme.check_leads().map_err(|what| place.error(0, what))?;
        Ok(programme)
    }

    /// A value beyond what times and amounts of people hold, if there is one.
    fn beyond(&self) -> Option<String> {
        let Points { unit_cost, redemption_price, hold_seconds } = self.points;
        let price_max = Decimal::from(PRICE_MAX);
        if unit_cost > price_max || redemption_price > price_max {
            return Some(format!("points: expected at most {PRICE_MAX} CNY for 1.00 points"));
        }
        if hold_seconds > HOLD_SECONDS_MAX {
            return Some(format!("points.hold_seconds: expected at most {HOLD_SECONDS_MAX}"));
        }
        if self.tiers.as_ref().is_some_and(|tiers| tiers.grace_days > GRACE_DAYS_MAX) {
            return Some(format!("tiers.grace_days: expected at most {GRACE_DAYS_MAX}"));
        }
        self.redemption.fault().or_else(|| self.settlement.fault())
    }

    /// Checks branches, behaviour and patterns.
    fn check_leads(&self) -> Result<(), String> {
        let managers = self.branch.iter().flat_map(|branch| &branch.managers);
        let (mut ids, mut count) = (BTreeSet::new(), 0_usize);
        for manager in managers {
            count = count.saturating_add(1);
            ids.insert(&manager.id);
        }
        if ids.len() != count {
            return Err("branch: a manager stands twice".to_owned());
        }
        if let Some(rule) = self.behaviour.iter().find(|rule| !(1..=24).contains(&rule.months)) {
            return Err(format!("behaviour {}: expected 1 to 24 months", rule.id));
        }
        let too_much = |rule: &Behaviour| Some((rule.id.clone(), self.limits.excess(rule.amount)?));
        if let Some((id, what)) = self.behaviour.iter().find_map(too_much) {
            return Err(format!("behaviour {id}: amount: {what}"));
        }
        let bad = |pattern: &&Pattern| {
            pattern.referrals == 0 || !(1..=HOURS_MAX).contains(&pattern.hours)
        };
        match self.pattern.iter().find(bad) {
            Some(Pattern { id, .. }) => {
                Err(format!("pattern {id}: expected 1 referral or more, in 1 to {HOURS_MAX} hours"))
            }
            None => Ok(()),
        }
    }
}

/// The limits that hold where the programme has none of its own.
fn usual_exposure() -> Vec<ExposureLimit> {
    #[derive(Deserialize)]
    struct Exposure {
        exposure: Vec<ExposureLimit>,
    }
    // A test proves that the file in the program can be read.
    toml::from_str(Programme::DEFAULT).map_or_else(|_| Vec::new(), |found: Exposure| found.exposure)
}

/// The patterns of payments that hold where the programme has none of its own.
fn usual_patterns() -> Vec<PaymentPattern> {
    #[derive(Deserialize)]
    struct Patterns {
        payment_pattern: Vec<PaymentPattern>,
    }
    // A test proves that the file in the program can be read.
    toml::from_str(Programme::DEFAULT)
        .map_or_else(|_| Vec::new(), |found: Patterns| found.payment_pattern)
}

/// The patterns of referrals that hold where the programme has none of its own.
fn usual_referral_patterns() -> Vec<ReferralPattern> {
    #[derive(Deserialize)]
    struct Patterns {
        referral_pattern: Vec<ReferralPattern>,
    }
    // A test proves that the file in the program can be read.
    toml::from_str(Programme::DEFAULT)
        .map_or_else(|_| Vec::new(), |found: Patterns| found.referral_pattern)
}

/// The notices that hold where the programme has none of its own.
fn usual_notices() -> Vec<NoticeKind> {
    #[derive(Deserialize)]
    struct Notices {
        notice: Vec<NoticeKind>,
    }
    // A test proves that the file in the program can be read.
    toml::from_str(Programme::DEFAULT).map_or_else(|_| Vec::new(), |found: Notices| found.notice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programme_that_comes_with_the_program_can_be_read() {
        let programme = Programme::parse(Programme::DEFAULT, Programme::FILE).unwrap();
        assert_eq!(programme.points.redemption_price.to_string(), "0.01");
        assert_eq!(programme.adjustment.alone_max.to_string(), "100.00");
    }

    #[test]
    fn without_a_limit_nobody_adjusts_alone_and_none_is_below_zero() {
        let silent = Programme::DEFAULT.split("[adjustment]").next().unwrap();
        let programme = Programme::parse(silent, Programme::FILE).unwrap();
        assert!(programme.adjustment.alone_max.is_zero());
        let wrong = Programme::DEFAULT.replace("\"100.00\"", "\"-1\"");
        assert_ne!(wrong, Programme::DEFAULT);
        assert!(Programme::parse(&wrong, Programme::FILE).is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_file_and_line() {
        let wrong = Programme::DEFAULT.replace("unit_cost = \"0.008\"", "unit_cost = 0.008");
        let error = Programme::parse(&wrong, "programme.toml").unwrap_err();
        assert!(error.to_string().starts_with("programme.toml:4: "), "{error}");
    }

    #[test]
    fn a_registered_text_says_all_that_a_person_must_be_told() {
        let programme = Programme::parse(Programme::DEFAULT, Programme::FILE).unwrap();
        let text = programme.consent_text.first().unwrap();
        assert!(programme.text(&text.version, &text.sha256).is_some());
        assert!(programme.text(&text.version, &[0; 32]).is_none());
        for wrong in [
            Programme::DEFAULT.replace("kinds = [\"name\", \"phone\", \"email\"", "kinds = ["),
            Programme::DEFAULT.replace("7d865e95", "7d865e9"),
            Programme::DEFAULT.replace("leads_days = 180", "leads_days = 0"),
        ] {
            assert_ne!(wrong, Programme::DEFAULT);
            assert!(Programme::parse(&wrong, Programme::FILE).is_err(), "{wrong}");
        }
    }
}
