//! By when a month is settled, as the programme says.

use serde::Deserialize;

/// The most working days of a term.
const DAYS_MAX: u32 = 60;

/// By when what settles a month should be there.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementRules {
    /// Working days from the end of a month until the partner's statement is there.
    pub statement_working_days: u32,
    /// Working days from the close of a month until the bank has paid it.
    pub payout_working_days: u32,
}

/// A week for the statement, and three days for the money.
impl Default for SettlementRules {
    fn default() -> Self {
        Self { statement_working_days: 5, payout_working_days: 3 }
    }
}

impl SettlementRules {
    /// What cannot be meant, if anything.
    pub(super) fn fault(self) -> Option<String> {
        let longest = self.statement_working_days.max(self.payout_working_days);
        (longest > DAYS_MAX)
            .then(|| format!("settlement: expected at most {DAYS_MAX} working days"))
    }
}
