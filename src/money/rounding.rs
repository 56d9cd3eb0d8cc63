use rust_decimal::RoundingStrategy;
use serde::{Deserialize, Serialize};

/// How a rule brings an unrounded value to the asset's scale. Every rule names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Towards zero: the customer never gets more than the rule says.
    Down,
    /// Half away from zero, as people round.
    HalfUp,
    /// Half to the even neighbour (IEEE 754), which has no drift.
    HalfEven,
    /// Away from zero.
    Up,
}

impl Rounding {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::HalfUp => "half_up",
            Self::HalfEven => "half_even",
            Self::Up => "up",
        }
    }

    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Down => "向下取整",
            Self::HalfUp => "四舍五入",
            Self::HalfEven => "四舍六入五成双",
            Self::Up => "向上取整",
        }
    }

    pub(super) const fn strategy(self) -> RoundingStrategy {
        match self {
            Self::Down => RoundingStrategy::ToZero,
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::Up => RoundingStrategy::AwayFromZero,
        }
    }
}
