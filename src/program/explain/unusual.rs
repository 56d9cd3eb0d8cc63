//! What of a partner's payments is unlike those of honest tills, in words that a clerk and the partner
//! understand.

use serde::Serialize;

use crate::money::Amount;
use crate::partner::exposure::ExposurePeriod;
use crate::partner::payment_pattern::PatternSign;

/// What was counted, with the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "counts", rename_all = "snake_case")]
pub enum UnusualSign {
    RoundAmounts {
        count: i64,
        among: i64,
    },
    /// `count` is the seconds of a minute that are named.
    SameSecond {
        count: i64,
        among: i64,
    },
    SequentialMembers {
        count: i64,
        among: i64,
    },
    /// `usual` of `among` payments of this weekday were in this hour.
    Night {
        count: i64,
        usual: i64,
        among: i64,
    },
    FirstDigits {
        digit: i64,
        count: i64,
        among: i64,
    },
    /// `usual` is the median of the weeks before.
    Velocity {
        count: i64,
        usual: i64,
        spread: i64,
    },
    UnlinkedShare {
        count: i64,
        among: i64,
    },
    OwnRedemptionShare {
        points: Amount,
        redeemed: Amount,
    },
}

impl UnusualSign {
    #[must_use]
    pub const fn counts(&self) -> PatternSign {
        match self {
            Self::RoundAmounts { .. } => PatternSign::RoundAmounts,
            Self::SameSecond { .. } => PatternSign::SameSecond,
            Self::SequentialMembers { .. } => PatternSign::SequentialMembers,
            Self::Night { .. } => PatternSign::Night,
            Self::FirstDigits { .. } => PatternSign::FirstDigits,
            Self::Velocity { .. } => PatternSign::Velocity,
            Self::UnlinkedShare { .. } => PatternSign::UnlinkedShare,
            Self::OwnRedemptionShare { .. } => PatternSign::OwnRedemptionShare,
        }
    }

    /// A part of a sentence: what is unusual in a period.
    #[must_use]
    pub fn says(&self, per: ExposurePeriod) -> String {
        let this = per.this();
        match self {
            Self::RoundAmounts { count, among } => format!(
                "{count} of the partner's {among} payments {this} are of a round sum, a multiple of \
                 50.00 CNY"
            ),
            Self::SameSecond { count, among } => format!(
                "the partner's {among} payments {this} name only {count} of the 60 seconds of a minute"
            ),
            Self::SequentialMembers { count, among } => format!(
                "in {count} of the partner's {among} payments {this} the member's number is one \
                 above that of the payment before"
            ),
            Self::Night { count, usual, among } => format!(
                "{count} payments {this}, and in the last 8 weeks the partner had only {usual} of \
                 {among} payments of this weekday at this hour"
            ),
            Self::FirstDigits { digit, count, among } => format!(
                "the sums of {count} of the partner's {among} payments {this} begin with the digit \
                 {digit}, which sums of real purchases do not"
            ),
            Self::Velocity { count, usual, spread } => format!(
                "{count} payments of the partner {this}; at this time of the last 8 weeks there were \
                 about {usual}, give or take {spread}"
            ),
            Self::UnlinkedShare { count, among } => format!(
                "{count} of the partner's {among} discounts {this} are for members whom no customer \
                 of the bank has linked"
            ),
            Self::OwnRedemptionShare { points, redeemed } => format!(
                "{points} of the {redeemed} points redeemed at the partner {this} were earned at the \
                 same partner"
            ),
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub fn says_zh(&self, per: ExposurePeriod) -> String {
        let this = per.this_zh();
        match self {
            Self::RoundAmounts { count, among } => {
                format!("{this}该合作方{among}笔付款中有{count}笔为整额（50.00元的倍数）")
            }
            Self::SameSecond { count, among } => {
                format!("{this}该合作方{among}笔付款的时间只落在一分钟60秒中的{count}秒上")
            }
            Self::SequentialMembers { count, among } => {
                format!("{this}该合作方{among}笔付款中有{count}笔的会员号恰为上一笔的会员号加一")
            }
            Self::Night { count, usual, among } => format!(
                "{this}有{count}笔付款，而过去8周该合作方同一星期日的{among}笔付款中仅{usual}笔在此时段"
            ),
            Self::FirstDigits { digit, count, among } => format!(
                "{this}该合作方{among}笔付款中有{count}笔金额以数字{digit}开头，与真实消费不符"
            ),
            Self::Velocity { count, usual, spread } => format!(
                "{this}该合作方有{count}笔付款，而过去8周同一时段约为{usual}笔，上下{spread}笔"
            ),
            Self::UnlinkedShare { count, among } => {
                format!("{this}该合作方{among}笔优惠中有{count}笔的会员未与本行客户关联")
            }
            Self::OwnRedemptionShare { points, redeemed } => {
                format!("{this}在该合作方兑换的{redeemed}分中有{points}分是在同一合作方获得的")
            }
        }
    }
}
