use super::CrmStage;
use crate::clock::Moment;
use crate::ids::ReferralId;

/// How far the changes of a CRM have been read: a time by the CRM's clock, and an id among equal
/// times. Only the adapter that made a watermark reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermark(pub String);

/// A lead of ours has reached a stage in the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub lead: ReferralId,
    pub stage: CrmStage,
    /// By the CRM's clock.
    pub at: Moment,
}

/// A page of changes, and where the next page starts.
#[derive(Clone, Debug)]
pub struct Changes {
    pub list: Vec<Change>,
    pub watermark: Watermark,
    /// Whether another page may be read at once.
    pub more: bool,
}
