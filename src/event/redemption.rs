//! Points that a customer spends at a partner, in two phases. First they are held, with a code that
//! the customer shows. Then the hold is committed, in whole or in part, or cancelled. Points go back
//! to the customer when the goods come back.

use serde::Serialize;
use utoipa::ToSchema;

use super::reader::FieldReader;
use super::stage::OrderStage;
use crate::ids::{EventId, RedemptionCode};
use crate::money::{Amount, Asset};

/// Points set aside for a redemption.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hold {
    /// The one-time code that the customer shows.
    pub code: RedemptionCode,
    /// Above zero.
    pub points: Amount,
    #[serde(flatten)]
    pub step: OrderStage,
}

/// A hold becomes a redemption.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Commit {
    /// The `id` of the hold's event.
    pub hold: EventId,
    /// How many of the held points are redeemed; all if it is left out. The rest is free again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Amount>,
    #[serde(flatten)]
    pub step: OrderStage,
}

/// A hold is given up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Cancel {
    /// The `id` of the hold's event.
    pub hold: EventId,
    #[serde(flatten)]
    pub step: OrderStage,
}

/// Redeemed points go back to the customer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Return {
    /// The `id` of the hold's event.
    pub hold: EventId,
    /// Above zero; all returns of a redemption add up to what was redeemed at most.
    pub points: Amount,
    #[serde(flatten)]
    pub step: OrderStage,
}

impl Hold {
    pub const TYPE: &'static str = "redemption.held";

    pub(super) fn read(mut data: FieldReader<'_>) -> Option<Self> {
        let code = data.parsed("code");
        let points = points(&mut data);
        let step = OrderStage::read(&mut data);
        data.finish();
        Some(Self { code: code?, points: points?, step })
    }
}

impl Commit {
    pub const TYPE: &'static str = "redemption.committed";

    pub(super) fn read(mut data: FieldReader<'_>) -> Option<Self> {
        let hold = data.parsed("hold");
        let named = data.optional("points").is_some();
        let points = if named { points(&mut data) } else { None };
        let step = OrderStage::read(&mut data);
        data.finish();
        (points.is_some() == named).then_some(())?;
        Some(Self { hold: hold?, points, step })
    }
}

impl Cancel {
    pub const TYPE: &'static str = "redemption.cancelled";

    pub(super) fn read(mut data: FieldReader<'_>) -> Option<Self> {
        let hold = data.parsed("hold");
        let step = OrderStage::read(&mut data);
        data.finish();
        Some(Self { hold: hold?, step })
    }
}

impl Return {
    pub const TYPE: &'static str = "redemption.returned";

    pub(super) fn read(mut data: FieldReader<'_>) -> Option<Self> {
        let hold = data.parsed("hold");
        let points = points(&mut data);
        let step = OrderStage::read(&mut data);
        data.finish();
        Some(Self { hold: hold?, points: points?, step })
    }
}

fn points(data: &mut FieldReader<'_>) -> Option<Amount> {
    let points = data.amount("points", Some(Asset::PTS))?;
    if points.is_zero() {
        data.fail("points", "must be more than 0");
        return None;
    }
    Some(points)
}
