use serde::Serialize;
use utoipa::ToSchema;

use super::reader::Reader;
use crate::ids::EventId;

/// Which stage of which order an event reports, for kinds of event that need not name an order.
/// Together with the event's type they are the partner's business key: an order has at most one
/// event of a type and stage.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct OrderStage {
    /// The partner's number of the order, or of whatever it files such events under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<EventId>,
}

impl OrderStage {
    pub(super) fn read(data: &mut Reader<'_>) -> Self {
        let order = data.optional_parsed("order");
        let stage = data.optional_parsed("stage");
        if stage.is_some() && order.is_none() {
            data.fail("order", "missing: a stage is a stage of an order");
        }
        Self { order, stage }
    }
}
