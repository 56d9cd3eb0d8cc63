//! The stage of a customer with the bank, worked out from the ledger and the referrals.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::NaiveDate;

use crate::money::{Amount, AmountError, Asset};
use crate::partner::follow_up::StageRules;

/// The stage of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CustomerStage {
    /// Knows of the programme.
    Aware,
    /// A customer manager talks to them about a product.
    Considering,
    /// Has a product, or pays at partners regularly.
    Using,
    /// Was using, and is about to leave.
    AtRisk,
}

/// The facts about a customer on one day.
#[derive(Clone, Debug)]
pub struct StageFacts {
    pub today: NaiveDate,
    /// The stage until now.
    pub before: Option<CustomerStage>,
    /// The product of a referral that is open as a lead.
    pub considers: Option<String>,
    /// A product that the customer has by a referral.
    pub has: Option<String>,
    /// The days of payments that brought points, with what was paid less what was refunded.
    pub payments: Vec<(NaiveDate, Amount)>,
}

/// The reason for a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageReason {
    Enrolled,
    Considers {
        product: String,
    },
    Has {
        product: String,
    },
    Regular {
        payments: u32,
        spent: Amount,
        days: u32,
    },
    Silent {
        days: i64,
    },
    Fallen {
        spent: Amount,
        before: Amount,
        days: u32,
    },
    /// Is not regular any more, or gave the product back.
    NoLonger,
}

impl CustomerStage {
    pub const ALL: [Self; 4] = [Self::Aware, Self::Considering, Self::Using, Self::AtRisk];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aware => "aware",
            Self::Considering => "considering",
            Self::Using => "using",
            Self::AtRisk => "at_risk",
        }
    }

    /// The stage of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// The payments of one window.
#[derive(Clone, Copy)]
struct Window {
    payments: u32,
    spent: Amount,
}

impl Window {
    fn of(facts: &StageFacts, holds: impl Fn(i64) -> bool) -> Result<Self, AmountError> {
        let mut window = Self { payments: 0, spent: Amount::zero(Asset::CNY) };
        for (day, paid) in &facts.payments {
            let ago = facts.today.signed_duration_since(*day).num_days();
            if holds(ago) && !paid.is_zero() {
                window.payments = window.payments.saturating_add(1);
                window.spent = window.spent.checked_add(*paid)?;
            }
        }
        Ok(window)
    }

    const fn is_regular(self, rules: &StageRules) -> bool {
        self.payments >= rules.regular_payments && self.spent.minor() >= rules.regular_spend.minor()
    }
}

/// The stage of a customer, and the reason for it. An open talk comes before a worry, because
/// somebody looks after that customer already.
pub fn stage(
    rules: &StageRules,
    facts: &StageFacts,
) -> Result<(CustomerStage, StageReason), AmountError> {
    let days = i64::from(rules.window_days);
    let both = days.saturating_mul(2);
    let late = Window::of(facts, |ago| ago < days)?;
    let earlier = Window::of(facts, |ago| ago >= days && ago < both)?;
    let worry = worry(rules, facts, late, earlier);
    if let Some(product) = &facts.considers
        && (worry.is_some() || !(facts.has.is_some() || late.is_regular(rules)))
    {
        return Ok((
            CustomerStage::Considering,
            StageReason::Considers { product: product.clone() },
        ));
    }
    if let Some(worry) = worry {
        return Ok((CustomerStage::AtRisk, worry));
    }
    if let Some(product) = &facts.has {
        return Ok((CustomerStage::Using, StageReason::Has { product: product.clone() }));
    }
    if late.is_regular(rules) {
        let Window { payments, spent } = late;
        return Ok((
            CustomerStage::Using,
            StageReason::Regular { payments, spent, days: rules.window_days },
        ));
    }
    if matches!(facts.before, Some(CustomerStage::Using | CustomerStage::AtRisk)) {
        return Ok((CustomerStage::AtRisk, StageReason::NoLonger));
    }
    Ok((CustomerStage::Aware, StageReason::Enrolled))
}

/// Why a regular customer may be about to leave, if anything says so.
fn worry(
    rules: &StageRules,
    facts: &StageFacts,
    late: Window,
    earlier: Window,
) -> Option<StageReason> {
    if !earlier.is_regular(rules) {
        return None;
    }
    let paid = facts.payments.iter().filter(|(_day, paid)| !paid.is_zero());
    let last = paid.map(|(day, _paid)| *day).max()?;
    let silent = facts.today.signed_duration_since(last).num_days();
    if silent >= i64::from(rules.silent_days) {
        return Some(StageReason::Silent { days: silent });
    }
    let least = rules.fallen_below.part_rounded_down(earlier.spent);
    (late.spent.minor() < least.minor()).then_some(StageReason::Fallen {
        spent: late.spent,
        before: earlier.spent,
        days: rules.window_days,
    })
}

impl StageReason {
    /// The reason as an English sentence.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Enrolled => "A customer of the programme.".to_owned(),
            Self::Considers { product } => format!("A referral for {product} is open."),
            Self::Has { product } => format!("Has {product}."),
            Self::Regular { payments, spent, days } => {
                format!("{payments} payments of {spent} CNY in {days} days.")
            }
            Self::Silent { days } => format!("Was a regular; no payment for {days} days."),
            Self::Fallen { spent, before, days } => {
                format!("Was a regular; paid {spent} CNY in {days} days, and {before} CNY before.")
            }
            Self::NoLonger => "Neither a regular nor a holder of a product any more.".to_owned(),
        }
    }

    /// The reason as a Chinese sentence.
    #[must_use]
    pub fn says_zh(&self) -> String {
        match self {
            Self::Enrolled => "积分计划的客户。".to_owned(),
            Self::Considers { product } => format!("{product} 的推荐正在跟进。"),
            Self::Has { product } => format!("已办理 {product}。"),
            Self::Regular { payments, spent, days } => {
                format!("{days} 天内支付 {payments} 笔，共 {spent} CNY。")
            }
            Self::Silent { days } => format!("曾为常客；已 {days} 天没有支付。"),
            Self::Fallen { spent, before, days } => {
                format!("曾为常客；{days} 天内支付 {spent} CNY，此前为 {before} CNY。")
            }
            Self::NoLonger => "不再是常客，也不再持有产品。".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn rules() -> StageRules {
        toml::from_str(
            "window_days = 90\nregular_payments = 3\nregular_spend = \"300.00\"\n\
             silent_days = 60\nfallen_below = \"0.3\"",
        )
        .unwrap()
    }

    fn facts(paid: &[(i64, i64)]) -> StageFacts {
        let today: NaiveDate = "2026-11-24".parse().unwrap();
        let payment = |(ago, yuan): &(i64, i64)| {
            (today - TimeDelta::days(*ago), Amount::from_minor(yuan * 100, Asset::CNY))
        };
        let payments = paid.iter().map(payment).collect();
        StageFacts { today, before: None, considers: None, has: None, payments }
    }

    fn of(facts: &StageFacts) -> CustomerStage {
        stage(&rules(), facts).unwrap().0
    }

    #[test]
    fn a_customer_becomes_aware_considers_uses_and_is_at_risk() {
        assert_eq!(of(&facts(&[])), CustomerStage::Aware);
        assert_eq!(of(&facts(&[(1, 1000)])), CustomerStage::Aware, "once is not regular");
        let product = || Some("travel-loan".to_owned());
        assert_eq!(
            of(&StageFacts { considers: product(), ..facts(&[]) }),
            CustomerStage::Considering
        );
        assert_eq!(of(&StageFacts { has: product(), ..facts(&[]) }), CustomerStage::Using);
        let regular = [(3, 100), (20, 100), (40, 100)];
        assert_eq!(of(&facts(&regular)), CustomerStage::Using);
        // Silent for 60 days, and 59.
        let was = [(100, 200), (120, 200), (130, 200)];
        assert_eq!(of(&facts(&[&was[..], &[(59, 500)]].concat())), CustomerStage::Aware);
        let (at_risk, why) = stage(&rules(), &facts(&[&was[..], &[(60, 500)]].concat())).unwrap();
        assert_eq!((at_risk, why), (CustomerStage::AtRisk, StageReason::Silent { days: 60 }));
        // Less than three tenths of what it was.
        let fallen = |late| of(&facts(&[&was[..], &[(5, late)]].concat()));
        assert_eq!((fallen(179), fallen(180)), (CustomerStage::AtRisk, CustomerStage::Aware));
        // A customer who gave the product back was using it.
        let gave_back = StageFacts { before: Some(CustomerStage::Using), ..facts(&[]) };
        assert_eq!(
            stage(&rules(), &gave_back).unwrap(),
            (CustomerStage::AtRisk, StageReason::NoLonger)
        );
        // A talk under way comes before the worry.
        assert_eq!(
            of(&StageFacts { considers: product(), ..gave_back }),
            CustomerStage::Considering
        );
    }

    #[test]
    fn what_was_refunded_is_no_payment() {
        assert_eq!(of(&facts(&[(1, 500), (2, 0), (3, 0)])), CustomerStage::Aware);
    }

    fn any_facts() -> impl Strategy<Value = StageFacts> {
        let payments = prop::collection::vec((0_i64..200, 0_i64..400), 0..12);
        let before = prop::option::of(prop::sample::select(CustomerStage::ALL.to_vec()));
        (payments, before, any::<bool>(), any::<bool>()).prop_map(|(paid, before, open, has)| {
            let product = |given: bool| given.then(|| "travel-loan".to_owned());
            StageFacts { before, considers: product(open), has: product(has), ..facts(&paid) }
        })
    }

    proptest! {
        #[test]
        fn a_stage_holds_what_its_name_says(facts in any_facts()) {
            let (stage, reason) = stage(&rules(), &facts).unwrap();
            let known = facts.has.is_some() || !facts.payments.is_empty();
            match stage {
                CustomerStage::Aware => prop_assert!(facts.considers.is_none() && facts.has.is_none()),
                CustomerStage::Considering => prop_assert!(facts.considers.is_some()),
                CustomerStage::Using => prop_assert!(known),
                CustomerStage::AtRisk => {
                    prop_assert!(facts.considers.is_none());
                    prop_assert!(known || facts.before.is_some());
                }
            }
            prop_assert!(!reason.says().is_empty() && !reason.says_zh().is_empty());
        }

        #[test]
        fn paying_more_today_never_makes_a_worry(facts in any_facts(), yuan in 1_i64..1000) {
            let before = of(&facts);
            let mut more = facts.clone();
            more.payments.push((facts.today, Amount::from_minor(yuan * 100, Asset::CNY)));
            prop_assert!(before == CustomerStage::AtRisk || of(&more) != CustomerStage::AtRisk);
        }

        #[test]
        fn a_stage_that_is_worked_out_again_stays(facts in any_facts()) {
            let first = of(&facts);
            prop_assert_eq!(of(&StageFacts { before: Some(first), ..facts }), first);
        }
    }
}
