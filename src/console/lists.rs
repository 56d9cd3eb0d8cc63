//! What lists of the console share: the query of a list without filters, and the tabs of the approvals.

use serde::Deserialize;

use super::decision_words::DecisionWords;
use super::visit::Visit;
use crate::http::access::staff::Role;
use crate::http::pages::words::Language;

/// Where a page of a list goes on.
#[derive(Deserialize)]
pub struct Query {
    pub cursor: Option<String>,
}

/// Which lists a person may open.
pub struct Tabs {
    pub breaks: bool,
    pub bank: bool,
    pub corrections: bool,
    pub held: bool,
    pub referrals: bool,
    pub d: &'static DecisionWords,
}

impl Tabs {
    pub fn of(visit: &Visit, language: Language) -> Self {
        let settles = visit.has(Role::Reconcile) || visit.has(Role::Settle);
        Self {
            breaks: settles,
            bank: settles,
            corrections: visit.has(Role::Read) || visit.has(Role::Approve),
            held: visit.has(Role::Read) || visit.has(Role::Decide),
            referrals: visit.has(Role::Decide),
            d: DecisionWords::of(language),
        }
    }

    /// The first list that the person may open; `None` for none.
    pub const fn first(&self) -> Option<&'static str> {
        match (self.breaks, self.corrections, self.held) {
            (true, ..) => Some("/console/approvals"),
            (false, true, _) => Some("/console/approvals/corrections"),
            (false, false, true) => Some("/console/approvals/held"),
            (false, false, false) => None,
        }
    }
}
