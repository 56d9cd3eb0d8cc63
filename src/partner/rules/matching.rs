//! How a partner's statement is held against our books, where it may differ from partner to partner. The
//! table `[statement.matching]` of a manifest.

use serde::{Deserialize, Serialize};

use crate::money::{Amount, Asset};

/// Without the table nothing is tolerated, and no sums are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "WrittenMatching")]
pub struct MatchingRules {
    /// The manifest's own number of these rules. A run keeps it, and so a match says by which it was made.
    pub version: u32,
    /// In the order in which they look at what is left.
    pub passes: Vec<MatchPass>,
    /// The most, in CNY, that a line and an event of one key may be apart and still match.
    pub tolerance_max: Amount,
    /// The most that such matches of a month may be apart, all together.
    pub tolerance_month_max: Amount,
    /// The most rows of one side that together may be one row of the other; below 2 no sums are looked for.
    pub sum_rows_max: u32,
    /// Steps of the search for sums in a run. Beyond it the search gives up, and the report says so.
    pub sum_steps_max: u64,
}

/// What a pass over both sides looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchPass {
    /// One event id and one amount: a match.
    EventId,
    /// One order and one amount: a match.
    Order,
    /// One key and one amount, with an event of ours just outside the month.
    Cutoff,
    /// One key, and amounts that are nearly the same: a match.
    Tolerance,
    /// One key and other amounts.
    Difference,
    /// One key, with a line that the partner calls void.
    Void,
    /// One event id and another kind.
    OtherKind,
    /// One event id, with an event of ours of any other time.
    Elsewhere,
    /// One amount, day and store.
    Candidate,
    /// Several rows of one day and store that come to one.
    Sums,
}

impl MatchPass {
    /// All of them, in the order that is usual.
    pub const USUAL: [Self; 10] = [
        Self::EventId,
        Self::Order,
        Self::Cutoff,
        Self::Tolerance,
        Self::Difference,
        Self::Void,
        Self::OtherKind,
        Self::Elsewhere,
        Self::Candidate,
        Self::Sums,
    ];
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMatching {
    version: Option<u32>,
    passes: Option<Vec<MatchPass>>,
    tolerance_max: Option<String>,
    tolerance_month_max: Option<String>,
    #[serde(default)]
    sum_rows_max: u32,
    sum_steps_max: Option<u64>,
}

const TOLERANCE_CEILING: Amount = Amount::from_minor(1_000, Asset::CNY);
const SUM_ROWS_CEILING: u32 = 8;
const SUM_STEPS: u64 = 1_000_000;
const SUM_STEPS_CEILING: u64 = 100_000_000;

impl Default for MatchingRules {
    fn default() -> Self {
        let nothing = Amount::zero(Asset::CNY);
        Self {
            version: 1,
            passes: MatchPass::USUAL.to_vec(),
            tolerance_max: nothing,
            tolerance_month_max: nothing,
            sum_rows_max: 0,
            sum_steps_max: SUM_STEPS,
        }
    }
}

impl TryFrom<WrittenMatching> for MatchingRules {
    type Error = String;

    fn try_from(written: WrittenMatching) -> Result<Self, String> {
        let WrittenMatching { version, passes, tolerance_max, tolerance_month_max, .. } = written;
        let WrittenMatching { sum_rows_max, sum_steps_max, .. } = written;
        if passes.is_some() && version.is_none() {
            return Err("expected version with passes: a number that rises".to_owned());
        }
        let version = version.unwrap_or(1);
        if version == 0 {
            return Err("version: expected 1 or more".to_owned());
        }
        let passes = passes.unwrap_or_else(|| MatchPass::USUAL.to_vec());
        let is_twice =
            |(place, pass): (usize, &MatchPass)| passes.iter().take(place).any(|it| it == pass);
        if passes.is_empty() || passes.iter().enumerate().any(is_twice) {
            return Err("passes: expected at least one, and each once".to_owned());
        }
        if tolerance_max.is_some() != tolerance_month_max.is_some() {
            return Err("expected tolerance_max with tolerance_month_max, or neither".to_owned());
        }
        let read = |name: &str, text: Option<String>| {
            let amount = text.map(|text| Amount::parse(&text, Asset::CNY)).transpose();
            let amount = amount.map_err(|error| format!("{name}: {error}"))?;
            Ok::<_, String>(amount.unwrap_or(Amount::zero(Asset::CNY)))
        };
        let tolerance_max = read("tolerance_max", tolerance_max)?;
        let tolerance_month_max = read("tolerance_month_max", tolerance_month_max)?;
        if tolerance_max.is_negative() || tolerance_max.minor() > TOLERANCE_CEILING.minor() {
            return Err(format!("tolerance_max: expected 0.00 to {TOLERANCE_CEILING}"));
        }
        if tolerance_month_max.minor() < tolerance_max.minor() {
            return Err("tolerance_month_max: lies below tolerance_max".to_owned());
        }
        if sum_rows_max > SUM_ROWS_CEILING {
            return Err(format!("sum_rows_max: expected up to {SUM_ROWS_CEILING}"));
        }
        let sum_steps_max = sum_steps_max.unwrap_or(SUM_STEPS);
        if sum_steps_max > SUM_STEPS_CEILING {
            return Err(format!("sum_steps_max: expected up to {SUM_STEPS_CEILING}"));
        }
        Ok(Self {
            version,
            passes,
            tolerance_max,
            tolerance_month_max,
            sum_rows_max,
            sum_steps_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<MatchingRules, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn what_is_not_said_is_not_allowed() {
        assert_eq!(read("").unwrap(), MatchingRules::default());
        let good =
            read("tolerance_max = \"0.05\"\ntolerance_month_max = \"20.00\"\nsum_rows_max = 6");
        assert_eq!(good.unwrap().tolerance_max.minor(), 5);
        for (text, why) in [
            ("tolerance_max = \"0.05\"", "or neither"),
            ("tolerance_max = \"10.01\"\ntolerance_month_max = \"20.00\"", "0.00 to 10.00"),
            ("tolerance_max = \"-1.00\"\ntolerance_month_max = \"20.00\"", "0.00 to 10.00"),
            ("tolerance_max = \"1.00\"\ntolerance_month_max = \"0.99\"", "below tolerance_max"),
            ("passes = [\"order\"]", "expected version with passes"),
            ("version = 0", "1 or more"),
            ("version = 2\npasses = []", "at least one"),
            ("version = 2\npasses = [\"order\", \"order\"]", "each once"),
            ("version = 2\npasses = [\"luck\"]", "unknown variant"),
            ("sum_rows_max = 9", "up to 8"),
            ("sum_steps_max = 100000001", "up to"),
        ] {
            assert!(read(text).unwrap_err().contains(why), "{text}");
        }
    }
}
