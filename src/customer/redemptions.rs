//! Redemptions that wait until their customer confirms them.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::refusal::CustomerRefusal;
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::money::Amount;
use crate::partner::Registry;
use crate::store::holds::AskedHold;
use crate::store::{Db, StoreError, customers, holds};
use crate::writer::{AnswerOrder, Answered, Writer};

/// Maximum number of redemptions in a list. A customer's codes are fewer.
const LISTED_MAX: i64 = 100;

/// A redemption that its customer was asked about.
#[derive(Serialize, ToSchema)]
pub struct AskedRedemption {
    #[schema(value_type = String, format = "uuid")]
    pub redemption: Uuid,
    pub partner: PartnerId,
    /// What people call the partner.
    pub partner_name: String,
    pub points: Amount,
    #[schema(pattern = "^(awaited|confirmed|declined)$")]
    pub confirmation: &'static str,
    pub held_at: Moment,
    /// Without an answer the points are free again from then on.
    pub times_out_at: Moment,
}

#[derive(Serialize, ToSchema)]
pub struct AskedRedemptions {
    pub redemptions: Vec<AskedRedemption>,
}

impl AskedRedemption {
    fn new(asked: AskedHold, registry: &Registry) -> Self {
        let known = registry.get(&asked.partner);
        Self {
            redemption: Uuid::from_bytes(*asked.key.bytes()),
            partner_name: known.map_or_else(|| asked.partner.to_string(), |it| it.name.clone()),
            partner: asked.partner,
            points: asked.points,
            confirmation: asked.confirmation.name().unwrap_or_default(),
            held_at: asked.recorded_at,
            times_out_at: asked.times_out_at,
        }
    }
}

/// What waits for the customer of a subject, the oldest first. Nobody known has nothing that waits.
///
/// # Errors
/// The store's.
pub fn awaiting(
    who: &str,
    db: &mut Db,
    registry: &Registry,
    now: Moment,
) -> Result<AskedRedemptions, StoreError> {
    let found = match customers::by_subject(db, who)? {
        Some(customer) => holds::awaiting(db, customer, now, LISTED_MAX)?,
        None => Vec::new(),
    };
    let redemptions = found.into_iter().map(|asked| AskedRedemption::new(asked, registry));
    Ok(AskedRedemptions { redemptions: redemptions.collect() })
}

/// Confirms a redemption, or declines it: then its points are free again. The same answer may be given
/// again.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] for what does not wait for this customer, and
/// [`CustomerRefusal::RedemptionClosed`] when it does not wait any more.
pub async fn answer(
    order: AnswerOrder,
    writer: &Writer,
    registry: &Registry,
) -> Result<AskedRedemption, CustomerRefusal> {
    match writer.answer_hold(order).await? {
        Answered::Done(asked) | Answered::Replayed(asked) => {
            Ok(AskedRedemption::new(asked, registry))
        }
        Answered::Unknown => Err(CustomerRefusal::NotFound),
        Answered::Closed { state } => Err(CustomerRefusal::RedemptionClosed { state }),
    }
}
