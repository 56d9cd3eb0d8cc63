//! What should turn up where, and by when. Nobody sets whether it is missing: the day says so, and what
//! comes late confirms it by itself.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::NaiveDate;

/// Whether what is expected is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectationState {
    Met,
    /// There is time left.
    Waits,
    /// Its day has gone by.
    Missing,
    /// It will not come: something else stands in its place.
    Over,
}

impl ExpectationState {
    pub const ALL: [Self; 4] = [Self::Met, Self::Waits, Self::Missing, Self::Over];

    /// What is there has been there in time or not: it is there.
    #[must_use]
    pub fn of(is_met: bool, due_on: NaiveDate, today: NaiveDate) -> Self {
        match (is_met, today > due_on) {
            (true, _) => Self::Met,
            (false, false) => Self::Waits,
            (false, true) => Self::Missing,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Waits => "waits",
            Self::Missing => "missing",
            Self::Over => "over",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_says_what_is_missing() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let due = day("2026-11-06");
        assert_eq!(ExpectationState::of(false, due, day("2026-11-06")), ExpectationState::Waits);
        assert_eq!(ExpectationState::of(false, due, day("2026-11-07")), ExpectationState::Missing);
        assert_eq!(ExpectationState::of(true, due, day("2026-12-24")), ExpectationState::Met);
    }
}
