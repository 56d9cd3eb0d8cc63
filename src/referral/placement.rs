use crate::ids::RuleId;

/// What a lead is to be told beside the person: how it scores, what to do next, and who is to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Points by the product's reasons.
    pub score: i64,
    /// By which reasons.
    pub why: Vec<String>,
    pub next_step: Option<String>,
    pub branch: Option<RuleId>,
    /// The customer manager; none where every one of the branch has as many as they can.
    pub manager: Option<RuleId>,
}
