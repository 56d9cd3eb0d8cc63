//! The story of an event.

use super::Story;
use super::steps::{order_of, steps_of};
use crate::ids::EventKey;
use crate::store::{Db, StoreError, event_search, referrals};

/// The story of an event; `None` when there is none.
///
/// # Errors
/// The store's.
pub fn of_event(db: &mut Db, key: EventKey) -> Result<Option<Story>, StoreError> {
    let Some(event) = event_search::one(db, key)? else { return Ok(None) };
    let referral = referrals::of_event(db, key)?.map(|(id, _consent)| id);
    let mut steps = steps_of(db, &event)?;
    if let Some(id) = referral {
        super::referral::add(db, id, &mut steps)?;
    }
    steps.sort_by_key(|step| step.at);
    Ok(Some(Story {
        partner: event.partner,
        name: event.id.as_str().to_owned(),
        order: order_of(&event.body),
        kind: event.kind,
        amount: event.amount,
        happened_at: event.effective_at,
        referral,
        steps,
    }))
}
