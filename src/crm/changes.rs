use super::Stage;
use crate::clock::Moment;
use crate::ids::ReferralId;

/// How far the changes of a CRM have been read: the CRM's own clock, and its id among equal times.
/// Opaque to everybody but the adapter that made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermark(pub String);

/// That a lead of ours has come to a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub lead: ReferralId,
    pub stage: Stage,
    /// By the CRM's clock.
    pub at: Moment,
}

/// A page of changes, and where the next one starts.
#[derive(Clone, Debug)]
pub struct Changes {
    pub list: Vec<Change>,
    pub watermark: Watermark,
    /// Whether there may be more at once.
    pub more: bool,
}
