//! The kinds of difference, by the codes of the trade, with what each means in both languages.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::item::ItemValue;

/// What kind of difference a break is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BreakCode {
    MissingInGateway,
    MissingAtPartner,
    AmountDiff,
    CurrencyDiff,
    Duplicate,
    Cutoff,
    StatusDiff,
    /// Rows of both sides fit, and no key says so for sure.
    Candidate,
    /// Several rows fit equally well.
    Ambiguous,
    /// Our books have the event in quite another month.
    OtherPeriod,
    /// An adjustment made up for it, and now both sides agree.
    SettledTwice,
    /// An adjustment made up for it, and it is no longer there.
    SettledGone,
}

/// What the rows of a break come to. `None`: that side has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakSums {
    pub theirs: Option<ItemValue>,
    pub ours: Option<ItemValue>,
}

impl BreakCode {
    pub const ALL: [Self; 12] = [
        Self::MissingInGateway,
        Self::MissingAtPartner,
        Self::AmountDiff,
        Self::CurrencyDiff,
        Self::Duplicate,
        Self::Cutoff,
        Self::StatusDiff,
        Self::Candidate,
        Self::Ambiguous,
        Self::OtherPeriod,
        Self::SettledTwice,
        Self::SettledGone,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingInGateway => "MISSING_IN_GATEWAY",
            Self::MissingAtPartner => "MISSING_AT_PARTNER",
            Self::AmountDiff => "AMOUNT_DIFF",
            Self::CurrencyDiff => "CURRENCY_DIFF",
            Self::Duplicate => "DUPLICATE",
            Self::Cutoff => "CUTOFF",
            Self::StatusDiff => "STATUS_DIFF",
            Self::Candidate => "CANDIDATE",
            Self::Ambiguous => "AMBIGUOUS",
            Self::OtherPeriod => "OTHER_PERIOD",
            Self::SettledTwice => "SETTLED_TWICE",
            Self::SettledGone => "SETTLED_GONE",
        }
    }

    /// Whether it is about what people posted before, and not about what the two sides are apart.
    #[must_use]
    pub const fn is_about_decisions(self) -> bool {
        matches!(self, Self::SettledTwice | Self::SettledGone)
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The days within which somebody should have decided.
    #[must_use]
    pub const fn due_days(self) -> i64 {
        match self {
            // The partner's next file may bring it.
            Self::MissingAtPartner | Self::Cutoff => 3,
            Self::MissingInGateway
            | Self::Duplicate
            | Self::StatusDiff
            | Self::Candidate
            | Self::OtherPeriod => 7,
            // Money may have gone out twice.
            Self::SettledTwice | Self::SettledGone => 3,
            Self::AmountDiff | Self::CurrencyDiff | Self::Ambiguous => 5,
        }
    }

    /// What differs, in plain English.
    #[must_use]
    pub fn says(self, sums: BreakSums) -> String {
        let (theirs, ours) = (words(sums.theirs, "nothing"), words(sums.ours, "nothing"));
        match self {
            Self::MissingInGateway => {
                format!(
                    "The partner's statement has {theirs}, and our books have no such event: not by \
                     its id at any time, and not by its order in or near this month."
                )
            }
            Self::MissingAtPartner => {
                format!("Our books have {ours}, and the partner's statement has no such line.")
            }
            Self::AmountDiff => {
                format!("The partner's statement says {theirs}, our books say {ours}.")
            }
            Self::CurrencyDiff => format!(
                "The partner's statement says {theirs}, our books say {ours}: the currencies differ."
            ),
            Self::Duplicate => match sums.theirs {
                Some(value) => format!("The partner's statement has {value} once more than we do."),
                None => format!("Our books have {ours} once more than the partner's statement."),
            },
            Self::Cutoff => format!(
                "The partner's statement has {theirs} in this month, our books have it in another."
            ),
            Self::StatusDiff => match (sums.theirs, sums.ours) {
                (Some(_), Some(_)) => format!(
                    "The partner says {theirs} and our books say {ours}, of one order, and not what \
                     became of it."
                ),
                (Some(_), None) => {
                    format!("The partner gave {theirs} back, and our books know of no refund.")
                }
                (None, _) => {
                    format!("Our books gave {ours} back, and the partner's statement does not.")
                }
            },
            Self::Candidate => format!(
                "{theirs} of the partner's statement may be {ours} of our books: amount, day and \
                 store or the order's sum agree, and no key does."
            ),
            Self::Ambiguous => format!(
                "{theirs} of the partner's statement and {ours} of our books fit in more than one \
                 way."
            ),
            Self::OtherPeriod => format!(
                "The partner's statement has {theirs} in this month, and our books have this event \
                 in another month, with {ours}: what it brought belongs there."
            ),
            Self::SettledTwice => match sums.ours {
                Some(_) => format!(
                    "An adjustment made up for a difference of this event, and now both sides have \
                     it, with {ours}: it may be paid twice."
                ),
                None => format!(
                    "An adjustment made up for a difference of this line, and now the partner says \
                     that {theirs} came to nothing."
                ),
            },
            Self::SettledGone => format!(
                "An adjustment made up for a difference of {theirs} of the partner's statement and \
                 {ours} of our books, and now neither side has it."
            ),
        }
    }

    /// Whether it is about an adjustment, and not about a difference of rows.
    #[must_use]
    pub const fn is_of_adjustment(self) -> bool {
        match self {
            Self::SettledTwice | Self::SettledGone => true,
            Self::MissingInGateway
            | Self::MissingAtPartner
            | Self::AmountDiff
            | Self::CurrencyDiff
            | Self::Duplicate
            | Self::Cutoff
            | Self::StatusDiff
            | Self::Candidate
            | Self::Ambiguous
            | Self::OtherPeriod => false,
        }
    }

    /// The same in plain Chinese.
    #[must_use]
    pub fn says_zh(self, sums: BreakSums) -> String {
        let (theirs, ours) = (words(sums.theirs, "无"), words(sums.ours, "无"));
        match self {
            Self::MissingInGateway => format!(
                "单边账：合作方对账单有{theirs}，我方任何时间均无此事件编号，本月前后亦无此订单。"
            ),
            Self::MissingAtPartner => format!("单边账：我方有{ours}，合作方对账单无此记录。"),
            Self::AmountDiff => format!("金额不符：合作方为{theirs}，我方为{ours}。"),
            Self::CurrencyDiff => format!("币种不符：合作方为{theirs}，我方为{ours}。"),
            Self::Duplicate => match sums.theirs {
                Some(value) => format!("重复：合作方对账单比我方多一笔{value}。"),
                None => format!("重复：我方比合作方对账单多一笔{ours}。"),
            },
            Self::Cutoff => format!("日切差异：合作方在本月记有{theirs}，我方记在其他月份。"),
            Self::StatusDiff => match (sums.theirs, sums.ours) {
                (Some(_), Some(_)) => {
                    format!("状态不符：同一订单，合作方为{theirs}，我方为{ours}，处理结果不同。")
                }
                (Some(_), None) => format!("状态不符：合作方已退{theirs}，我方无退款。"),
                (None, _) => format!("状态不符：我方已退{ours}，合作方对账单无退款。"),
            },
            Self::Candidate => format!(
                "疑似匹配：合作方{theirs}与我方{ours}金额、日期和门店（或订单合计）一致，但无一致的单号。"
            ),
            Self::Ambiguous => format!("多重匹配：合作方{theirs}与我方{ours}有多种对应方式。"),
            Self::OtherPeriod => format!(
                "他月事件：合作方在本月记有{theirs}，我方此事件在其他月份，为{ours}，应付款项属该月。"
            ),
            Self::SettledTwice => match sums.ours {
                Some(_) => format!("重复结算：此差异已调账，现双方均有{ours}，可能重复支付。"),
                None => format!("重复结算：此差异已调账，现合作方称{theirs}无效。"),
            },
            Self::SettledGone => format!(
                "已调账差异消失：曾为合作方{theirs}与我方{ours}的差异调账，现双方均无此记录。"
            ),
        }
    }
}

fn words(value: Option<ItemValue>, none: &str) -> String {
    value.map_or_else(|| none.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::item::Currency;

    #[test]
    fn every_code_speaks_both_languages() {
        let value = ItemValue { currency: Currency::by_code("CNY").unwrap(), minor: 1_250 };
        for code in BreakCode::ALL {
            assert_eq!(BreakCode::by_name(code.name()), Some(code));
            for (theirs, ours) in
                [(Some(value), None), (None, Some(value)), (Some(value), Some(value))]
            {
                let sums = BreakSums { theirs, ours };
                assert!(code.says(sums).is_ascii() && code.says(sums).ends_with('.'), "{code:?}");
                assert!(code.says_zh(sums).ends_with('。'), "{code:?}");
            }
        }
        #[expect(clippy::as_conversions, reason = "the place of the last code among all")]
        let last = BreakCode::SettledGone as usize;
        assert_eq!(BreakCode::ALL.len(), last + 1);
    }
}
