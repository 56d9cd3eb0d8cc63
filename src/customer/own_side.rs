//! The customer's own side of a receipt. A receipt explains a transaction to the bank and to the
//! partner; a customer reads what happened to their points, and nothing of commissions, subsidies,
//! prices and budgets between bank and partner.

use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Moment;

/// One sentence for a customer, in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    pub english: String,
    pub chinese: String,
}

/// A reason as a receipt keeps it, as far as the customer's side needs it.
#[derive(Deserialize)]
struct Reason {
    reason: String,
    rule: Option<String>,
    says: String,
    says_zh: String,
    /// The receiver of a reward: `customer` or `partner`.
    to: Option<String>,
    points: Option<String>,
    wanted: Option<String>,
    given: Option<String>,
    times_out_at: Option<String>,
    held_until: Option<String>,
    tier: Option<String>,
    /// What customers call the tier. Receipts of former times have no names.
    name: Option<String>,
    name_zh: Option<String>,
}

/// The sentences of a receipt that concern its customer, in the receipt's order. A reason that this
/// function does not know is left out, because it may be the partner's.
#[must_use]
pub fn sentences(receipt: &Value, zone: Tz) -> Vec<Sentence> {
    let reasons = receipt.get("explanation").and_then(Value::as_array);
    let read = |reason: &Value| Reason::deserialize(reason).ok();
    reasons.into_iter().flatten().filter_map(read).filter_map(|it| it.own(zone)).collect()
}

impl Reason {
    fn own(self, zone: Tz) -> Option<Sentence> {
        match self.reason.as_str() {
            "not_earned" => Some(self.without_rule()),
            "earned" | "clawed_back" | "owed" | "debt_recovered" | "released" | "matured"
            | "expired" | "adjusted" | "reversed" | "awaits_customer" | "declined" => {
                Some(self.into_written())
            }
            "rewarded" | "reward_taken_back" => {
                let is_own = self.to.as_deref() == Some("customer");
                is_own.then(|| self.into_written())
            }
            "budget_spent" => {
                let is_own = self.to.as_deref() == Some("customer");
                if is_own { self.limited() } else { None }
            }
            "capped" => self.limited(),
            "held" => self.held(zone),
            "tier_reached" => self.tier_reached(zone),
            "redeemed" => self.about_points("points are redeemed.", "积分已兑换。"),
            "returned" => self.about_points(
                "redeemed points are given back, with the expiry that they had.",
                "已兑换积分退还，有效期不变。",
            ),
            // Between the bank and the partner.
            "discount_spent"
            | "subsidised"
            | "fee_waived"
            | "waiver_differs"
            | "waiver_undeclared"
            | "discount_undeclared"
            | "discount_differs"
            | "scheme_unknown"
            | "commission_matured" => None,
            _ => None,
        }
    }

    fn into_written(self) -> Sentence {
        Sentence { english: self.says, chinese: self.says_zh }
    }

    /// The rule is named by its id, which is a word of the programme's makers.
    fn without_rule(self) -> Sentence {
        let rule = self.rule.unwrap_or_default();
        if rule.is_empty() {
            return Sentence { english: self.says, chinese: self.says_zh };
        }
        Sentence {
            english: self.says.replace(&rule, "one of the offers"),
            chinese: self.says_zh.replace(&format!("规则{rule}"), "其中一项优惠"),
        }
    }

    /// A limit or budget left less: how large it is, and what others used of it, is the bank's.
    fn limited(self) -> Option<Sentence> {
        let (given, wanted) = (self.given?, self.wanted?);
        Some(Sentence {
            english: format!("{given} of {wanted} points: the limit of this offer is reached."),
            chinese: format!("应得{wanted}积分，实得{given}积分：已达该活动上限。"),
        })
    }

    fn held(self, zone: Tz) -> Option<Sentence> {
        let (points, until) = (self.points?, Moment::parse(&self.times_out_at?)?.minute_in(zone));
        Some(Sentence {
            english: format!("{points} points are held for a redemption until {until}."),
            chinese: format!("{points}积分已冻结待兑换，至{until}。"),
        })
    }

    fn tier_reached(self, zone: Tz) -> Option<Sentence> {
        let tier = self.tier?;
        let until = Moment::parse(&self.held_until?)?.last_day_before(zone);
        let name = self.name.as_ref().unwrap_or(&tier);
        let name_zh = self.name_zh.as_ref().unwrap_or(name);
        Some(Sentence {
            english: format!("The tier {name} is reached, and held until {until} at least."),
            chinese: format!("达到等级{name_zh}，至少保留至{until}。"),
        })
    }

    fn about_points(self, english: &str, chinese: &str) -> Option<Sentence> {
        let points = self.points?;
        Some(Sentence {
            english: format!("{points} {english}"),
            chinese: format!("{points}{chinese}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;
    use serde_json::json;

    use super::*;

    fn english(reasons: Value) -> Vec<String> {
        let receipt = json!({ "explanation": reasons });
        sentences(&receipt, Shanghai).into_iter().map(|sentence| sentence.english).collect()
    }

    #[test]
    fn commissions_subsidies_and_prices_are_not_the_customers() {
        let said = json!({ "says": "80.00 CNY to the partner", "says_zh": "合作方" });
        let with = |more: Value| {
            let mut reason = said.clone();
            reason.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            reason
        };
        let told = english(json!([
            with(json!({ "reason": "rewarded", "to": "partner" })),
            with(json!({ "reason": "subsidised", "subsidy": "42.00" })),
            with(json!({ "reason": "commission_matured" })),
            with(json!({ "reason": "something_new" })),
            with(json!({ "reason": "redeemed", "points": "80.00", "value": "0.80" })),
            with(
                json!({ "reason": "capped", "wanted": "10.00", "given": "4.00", "most": "9000.00" })
            ),
        ]));
        let expected = [
            "80.00 points are redeemed.",
            "4.00 of 10.00 points: the limit of this offer is reached.",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn moments_are_days_and_minutes_where_the_customer_is() {
        let told = english(json!([
            { "reason": "held", "says": "", "says_zh": "", "points": "10.00",
              "times_out_at": "2026-11-26T21:54:02.592814Z" },
            { "reason": "tier_reached", "says": "", "says_zh": "", "tier": "silver",
              "held_until": "2027-11-30T16:00:00Z" },
            { "reason": "tier_reached", "says": "", "says_zh": "", "tier": "gold",
              "name": "Gold Card", "name_zh": "金卡", "held_until": "2027-11-30T16:00:00Z" },
        ]));
        assert_eq!(
            told,
            [
                "10.00 points are held for a redemption until 2026-11-27 05:54.",
                "The tier silver is reached, and held until 2027-11-30 at least.",
                "The tier Gold Card is reached, and held until 2027-11-30 at least.",
            ]
        );
    }

    #[test]
    fn what_the_customer_may_read_is_as_it_was_written() {
        let told = english(json!([
            { "reason": "earned", "says": "36.00 points.", "says_zh": "36.00积分。", "points": "36.00" },
            { "reason": "rewarded", "to": "customer", "says": "A reward.", "says_zh": "奖励。" },
        ]));
        assert_eq!(told, ["36.00 points.", "A reward."]);
    }
}
