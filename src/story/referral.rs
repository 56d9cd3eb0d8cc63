//! The story of a referral: of its event, and of what became of the lead.

use super::steps::{held_rewards, order_of, posted, steps_of, told};
use super::{Happened, Moved, Step, Story};
use crate::ids::ReferralId;
use crate::store::{Db, StoreError, event_search, readings, referral_moves, referrals};

/// Readings of the person's data that are shown.
const READINGS_MAX: i64 = 50;

/// The story of a referral; `None` when there is none.
///
/// # Errors
/// The store's.
pub fn of_referral(db: &mut Db, id: ReferralId) -> Result<Option<Story>, StoreError> {
    let Some(referral) = referrals::get(db, id)? else { return Ok(None) };
    let event = event_search::one(db, referral.event)?;
    let mut steps = match &event {
        Some(event) => steps_of(db, event)?,
        None => Vec::new(),
    };
    add(db, id, &mut steps)?;
    steps.sort_by_key(|step| step.at);
    let name = event.as_ref().map(|event| event.id.as_str().to_owned());
    Ok(Some(Story {
        partner: referral.partner,
        name: name.unwrap_or_else(|| id.to_string()),
        order: event.as_ref().and_then(|event| order_of(&event.body)),
        kind: event.map_or_else(|| "referral".to_owned(), |event| event.kind),
        amount: referral.amount,
        happened_at: referral.effective_at,
        referral: Some(id),
        steps,
    }))
}

/// What became of a referral.
pub(super) fn add(db: &mut Db, id: ReferralId, steps: &mut Vec<Step>) -> Result<(), StoreError> {
    let Some(referral) = referrals::get(db, id)? else { return Ok(()) };
    for it in referral_moves::of(db, id)? {
        if let Some(transaction) = it.transaction {
            steps.extend(posted(db, transaction)?);
        }
        let moved = Moved {
            state: it.state,
            actor_kind: it.actor_kind,
            actor: it.actor,
            reason: it.reason,
            finding: it.finding,
            transaction: it.transaction,
        };
        steps.push(Step { at: it.moved_at, what: Happened::Moved(moved) });
    }
    steps.extend(held_rewards(db, id)?);
    steps.extend(told(db, &referral.partner, id.bytes())?);
    let subject = uuid::Uuid::from_bytes(*id.bytes());
    for it in readings::page(db, Some(subject), None, READINGS_MAX)? {
        let (reader_kind, reader, purpose) = (it.reader_kind, it.reader, it.purpose);
        let what = Happened::Read { reader_kind, reader, purpose };
        steps.push(Step { at: it.read_at, what });
    }
    Ok(())
}
