//! A partner's rules as sentences, in both languages: what a manifest says in keys and values.

use chrono::Weekday;

use super::operations_words::pick;
use crate::http::pages::figures::{Figures, grouped};
use crate::http::pages::words::Language;
use crate::money::Amount;
use crate::partner::condition::Condition;
use crate::partner::earning::{Basis, Earning, Period, PointStep};
use crate::partner::reward::{Gift, Reward, RewardStage};
use crate::partner::scheme::{Discount, FeeWaiver, Product, Scheme};
use crate::partner::terms::Term;

/// A rule as people read it.
pub struct RuleLine {
    pub id: String,
    pub says: String,
    pub term: String,
    /// Whether it is in force today.
    pub is_in_force: bool,
}

/// Writes sentences in one language.
#[derive(Clone, Copy)]
struct Sayer {
    figures: Figures,
}

/// All rules of a scheme: those in force first, then those to come and those that are over.
pub fn rules(scheme: &Scheme, figures: Figures, today: chrono::NaiveDate) -> Vec<RuleLine> {
    let sayer = Sayer { figures };
    let line = |id: &crate::ids::RuleId, version: u32, term: Term, says: String| RuleLine {
        id: format!("{id} v{version}"),
        says,
        term: sayer.term(term),
        is_in_force: term.covers(today),
    };
    let mut lines = Vec::new();
    for it in &scheme.earning {
        lines.push(line(&it.id, it.version, it.term(), sayer.earning(it)));
    }
    for it in &scheme.discounts {
        lines.push(line(&it.id, it.version, it.term(), sayer.discount(it)));
    }
    for it in &scheme.fee_waivers {
        lines.push(line(&it.id, it.version, it.term(), sayer.waiver(it)));
    }
    for it in &scheme.products {
        lines.push(line(&it.id, it.version, it.term(), sayer.product(it)));
    }
    lines.sort_by_key(|line| !line.is_in_force);
    lines
}

impl Sayer {
    const fn language(self) -> Language {
        self.figures.language
    }

    const fn say(self, english: &'static str, chinese: &'static str) -> &'static str {
        pick(self.figures.language, english, chinese)
    }

    /// Sentences one after the other.
    fn join(self, sentences: &[String]) -> String {
        let said: Vec<&str> =
            sentences.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
        said.join(self.say(" ", ""))
    }

    fn list(self, items: impl Iterator<Item = String>) -> String {
        items.collect::<Vec<_>>().join(self.say(", ", "、"))
    }

    fn number(self, amount: Amount) -> String {
        let text = self.figures.amount(&amount);
        text.strip_suffix(".00").unwrap_or(&text).to_owned()
    }

    fn yuan(self, amount: Amount) -> String {
        format!("¥{}", self.number(amount))
    }

    fn points(self, amount: Amount) -> String {
        format!("{}{}", self.number(amount), self.say(" points", "积分"))
    }

    fn term(self, term: Term) -> String {
        let from = self.figures.day(&term.from);
        match term.until {
            Some(until) => format!("{from} – {}", self.figures.day(&until)),
            None => format!("{}{from}{}", self.say("from ", ""), self.say("", " 起")),
        }
    }

    fn basis(self, basis: &Basis) -> String {
        match basis {
            Basis::PerUnit(factor) => {
                let factor = grouped(&factor.normalize().to_string());
                match self.language() {
                    Language::English if factor == "1" => "1 point for each ¥1 paid.".to_owned(),
                    Language::English => format!("{factor} points for each ¥1 paid."),
                    Language::Chinese => format!("每支付 ¥1 得 {factor} 积分。"),
                }
            }
            Basis::PerVisit(points) => match self.language() {
                Language::English => format!("{} for each payment.", self.points(*points)),
                Language::Chinese => format!("每笔支付得{}。", self.points(*points)),
            },
            Basis::Steps(steps) => {
                let steps = self.list(steps.iter().map(|step| self.step(step)));
                match self.language() {
                    Language::English => format!("The highest step reached: {steps}."),
                    Language::Chinese => format!("按达到的最高档：{steps}。"),
                }
            }
            Basis::Each(step) => match self.language() {
                Language::English => format!(
                    "{} each time that {} are spent in full.",
                    self.points(step.points),
                    self.yuan(step.spend)
                ),
                Language::Chinese => {
                    format!("每满 {} 得{}。", self.yuan(step.spend), self.points(step.points))
                }
            },
        }
    }

    fn earning(self, rule: &Earning) -> String {
        let mut said = vec![self.basis(&rule.basis)];
        said.push(self.condition(&rule.when, self.say("Only ", "仅限")));
        said.push(self.condition(&rule.except, self.say("Not ", "不适用于")));
        for it in &rule.multiply {
            let by = it.by.normalize();
            let when = self.condition(&it.when, self.say("if ", ""));
            said.push(match self.language() {
                Language::English => format!("Times {by}{}", self.tail(&when)),
                Language::Chinese => format!("{by} 倍{}", self.tail(&when)),
            });
        }
        for cap in &rule.caps {
            let per = self.period(cap.per);
            said.push(match self.language() {
                Language::English => {
                    format!("At most {} for one customer {per}.", self.points(cap.points))
                }
                Language::Chinese => format!("单个客户{per}最多{}。", self.points(cap.points)),
            });
        }
        if let Some(budget) = rule.budget {
            said.push(match self.language() {
                Language::English => format!("All customers together: {}.", self.points(budget)),
                Language::Chinese => format!("总预算{}。", self.points(budget)),
            });
        }
        if let Some(days) = rule.pending_days() {
            said.push(match self.language() {
                Language::English => format!("Spendable after {days} days."),
                Language::Chinese => format!("{days} 天后可用。"),
            });
        }
        if let Some(months) = rule.expires_months() {
            said.push(match self.language() {
                Language::English => {
                    format!("They expire {months} months after the month of the payment.")
                }
                Language::Chinese => format!("支付当月后 {months} 个月到期。"),
            });
        }
        let share = rule.partner_share.percent();
        said.push(match self.language() {
            Language::English => format!("The partner pays {share} of them."),
            Language::Chinese => format!("合作方承担 {share}。"),
        });
        self.join(&said)
    }

    /// A full stop, or the condition before it.
    fn tail(self, condition: &str) -> String {
        if condition.is_empty() {
            self.say(".", "。").to_owned()
        } else {
            format!("{}{condition}", self.say(" ", "："))
        }
    }

    fn step(self, step: &PointStep) -> String {
        match self.language() {
            Language::English => {
                format!("{} from {}", self.points(step.points), self.yuan(step.spend))
            }
            Language::Chinese => {
                format!("满 {} 得{}", self.yuan(step.spend), self.points(step.points))
            }
        }
    }

    const fn period(self, period: Period) -> &'static str {
        match period {
            Period::Day => self.say("a day", "每日"),
            Period::Month => self.say("a month", "每月"),
            Period::Campaign => self.say("in the whole campaign", "活动期内"),
        }
    }

    /// What must hold, or must not; empty where nothing is stated.
    fn condition(self, condition: &Condition, start: &str) -> String {
        if condition.says_nothing() {
            return String::new();
        }
        let mut parts = Vec::new();
        if let Some(tiers) = &condition.tiers {
            let tiers = self.list(tiers.iter().map(ToString::to_string));
            parts.push(format!("{}{tiers}", self.say("for tier ", "等级 ")));
        }
        if let Some(days) = &condition.weekdays {
            let days = self.list(days.iter().map(|day| self.weekday(*day).to_owned()));
            parts.push(format!("{}{days}", self.say("on ", "")));
        }
        if let Some(hours) = &condition.hours {
            parts.push(self.list(hours.iter().map(ToString::to_string)));
        }
        if let Some(stores) = &condition.stores {
            let stores = self.list(stores.iter().map(|store| store.as_str().to_owned()));
            parts.push(format!("{}{stores}", self.say("in ", "门店 ")));
        }
        if let Some(categories) = &condition.categories {
            let categories = self.list(categories.iter().cloned());
            parts.push(format!("{}{categories}", self.say("goods of ", "品类 ")));
        }
        match condition.first_purchase {
            Some(true) => parts.push(self.say("the first payment here", "首次支付").to_owned()),
            Some(false) => parts.push(self.say("later payments here", "非首次支付").to_owned()),
            None => {}
        }
        match condition.birthday_month {
            Some(true) => parts.push(self.say("in the birthday's month", "生日当月").to_owned()),
            Some(false) => {
                parts.push(self.say("outside of the birthday's month", "非生日当月").to_owned());
            }
            None => {}
        }
        if condition.cel.is_some() {
            parts.push(self.say("where the rule's expression holds", "满足规则表达式").to_owned());
        }
        format!("{start}{}{}", parts.join(self.say(", ", "，")), self.say(".", "。"))
    }

    const fn weekday(self, day: Weekday) -> &'static str {
        match day {
            Weekday::Mon => self.say("Monday", "周一"),
            Weekday::Tue => self.say("Tuesday", "周二"),
            Weekday::Wed => self.say("Wednesday", "周三"),
            Weekday::Thu => self.say("Thursday", "周四"),
            Weekday::Fri => self.say("Friday", "周五"),
            Weekday::Sat => self.say("Saturday", "周六"),
            Weekday::Sun => self.say("Sunday", "周日"),
        }
    }

    fn discount(self, rule: &Discount) -> String {
        let mut said = Vec::new();
        if !rule.steps.is_empty() {
            let steps = self.list(rule.steps.iter().map(|step| {
                let (spend, save) = (self.number(step.spend), self.number(step.save));
                match self.language() {
                    Language::English => format!("spend ¥{spend}, save ¥{save}"),
                    Language::Chinese => format!("满{spend}减{save}"),
                }
            }));
            said.push(match self.language() {
                Language::English => format!("Discount: {steps}."),
                Language::Chinese => format!("{steps}。"),
            });
        }
        if let Some(it) = rule.percentage {
            let (share, max) = (it.share.percent(), self.yuan(it.max));
            said.push(match self.language() {
                Language::English => format!("{share} off, at most {max}."),
                Language::Chinese => format!("优惠 {share}，最多 {max}。"),
            });
        }
        for limit in &rule.limits {
            let (times, per) = (limit.times, self.period(limit.per));
            said.push(match self.language() {
                Language::English => format!("At most {times} times for one customer {per}."),
                Language::Chinese => format!("单个客户{per}最多 {times} 次。"),
            });
        }
        let share = rule.bank_share.percent();
        said.push(match self.language() {
            Language::English => format!("The bank pays {share} of it."),
            Language::Chinese => format!("银行承担 {share}。"),
        });
        if let Some(budget) = rule.budget {
            said.push(match self.language() {
                Language::English => {
                    format!("The bank pays {} in all at most.", self.yuan(budget))
                }
                Language::Chinese => format!("银行总预算 {}。", self.yuan(budget)),
            });
        }
        self.join(&said)
    }

    fn waiver(self, rule: &FeeWaiver) -> String {
        let periods = self.list(rule.periods.iter().map(ToString::to_string));
        let (share, max) = (rule.share.percent(), self.yuan(rule.max));
        let bank = rule.bank_share.percent();
        match self.language() {
            Language::English => format!(
                "{share} of the fee of {periods} instalments is waived, at most {max}. The bank pays {bank} of it."
            ),
            Language::Chinese => {
                format!("{periods} 期分期手续费减免 {share}，最多 {max}，银行承担 {bank}。")
            }
        }
    }

    fn product(self, rule: &Product) -> String {
        let (least, most) =
            (self.yuan(rule.qualify.amount_min), self.yuan(rule.qualify.amount_max));
        let regions = self.list(rule.qualify.regions.iter().cloned());
        let mut said = vec![match self.language() {
            Language::English => {
                format!("Refers to {}: {least} to {most}, in {regions}.", rule.name)
            }
            Language::Chinese => format!("推荐{}：{least} 至 {most}，地区 {regions}。", rule.name),
        }];
        said.extend(rule.rewards.iter().map(|reward| self.reward(reward)));
        self.join(&said)
    }

    fn reward(self, reward: &Reward) -> String {
        let on = match reward.on {
            RewardStage::Qualified => self.say("Once it qualifies", "成为合格线索后"),
            RewardStage::Converted => self.say("Once it converts", "转化后"),
            RewardStage::FirstRepayment => self.say("At the first repayment", "首次还款后"),
        };
        let gift = match reward.gift {
            Gift::Customer { points } => {
                format!("{}{}", self.points(points), self.say(" for the customer", "给客户"))
            }
            Gift::Partner { commission } => format!(
                "{}{}",
                self.yuan(commission),
                self.say(" commission for the partner", "佣金给合作方")
            ),
        };
        let after = reward.pending_days().map(|days| match self.language() {
            Language::English => format!(", reserved for {days} days"),
            Language::Chinese => format!("，预留 {days} 天"),
        });
        let (comma, stop) = (self.say(": ", "："), self.say(".", "。"));
        format!("{on}{comma}{gift}{}{stop}", after.unwrap_or_default())
    }
}
