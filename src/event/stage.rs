use serde::Serialize;
use utoipa::ToSchema;

use super::reader::FieldReader;
use crate::ids::{OrderNumber, StageName};

/// The order and its stage that an event reports, for types of event that need not name an order.
/// With the event's type they are the partner's business key: an order has at most one event of a
/// type and stage.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct OrderStage {
    /// The partner's number of the order, or of another record of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
}

impl OrderStage {
    pub(super) fn read(data: &mut FieldReader<'_>) -> Self {
        let order = data.optional_parsed("order");
        let stage = data.optional_parsed("stage");
        if stage.is_some() && order.is_none() {
            data.fail("order", "missing: a stage is a stage of an order");
        }
        Self { order, stage }
    }
}
