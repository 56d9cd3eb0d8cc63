//! What is held until staff decide: events and rewards of conversions, and referrals. Only reads; the
//! decisions are the writer's.

use std::collections::HashMap;

use serde::Deserialize;

use crate::clock::Moment;
use crate::ids::{EventKey, ReferralId};
use crate::referral::ReferralState;
use crate::store::event_search::{self, FoundEvent};
use crate::store::held_events::{self, HeldEvent, HeldFilter, HeldState};
use crate::store::referrals::{self, Filter, ReferralRecord};
use crate::store::{Db, StoreError, referral_moves};

/// A held event or reward, and why it is held in both languages.
pub struct OnHold {
    pub held: HeldEvent,
    /// The event itself; nothing where a reward is held.
    pub event: Option<FoundEvent>,
    pub says: Vec<HeldBecause>,
}

/// A sentence of the receipt with which it was answered.
#[derive(Deserialize)]
pub struct HeldBecause {
    #[serde(default)]
    pub says: String,
    #[serde(default)]
    pub says_zh: String,
}

/// A referral on hold, without the person.
pub struct ReferralOnHold {
    pub record: ReferralRecord,
    /// Why it is on hold, as only staff read it.
    pub finding: String,
    pub held_at: Moment,
}

/// Events and rewards that wait, the oldest first, after the last one of the page before.
///
/// # Errors
/// The store's.
pub fn events(
    db: &mut Db,
    after: Option<(Moment, EventKey)>,
    rows_max: i64,
) -> Result<Vec<OnHold>, StoreError> {
    let filter = HeldFilter { state: HeldState::Open, partner: None, after };
    let found = held_events::page(db, &filter, rows_max)?;
    let keys: Vec<EventKey> = found.iter().map(|it| it.event).collect();
    let mut events: HashMap<EventKey, FoundEvent> =
        event_search::these(db, &keys)?.into_iter().map(|it| (it.key, it)).collect();
    let with = |held: HeldEvent| {
        let event = events.remove(&held.event);
        OnHold::of(held, event)
    };
    found.into_iter().map(with).collect()
}

/// One, whatever became of it.
///
/// # Errors
/// The store's.
pub fn event(db: &mut Db, key: EventKey) -> Result<Option<OnHold>, StoreError> {
    let Some(held) = held_events::get(db, key)? else { return Ok(None) };
    let event = event_search::one(db, key)?;
    OnHold::of(held, event).map(Some)
}

/// Referrals on hold, the oldest first, after the last one of the page before.
///
/// # Errors
/// The store's.
pub fn referrals(
    db: &mut Db,
    after: Option<ReferralId>,
    rows_max: i64,
) -> Result<Vec<ReferralOnHold>, StoreError> {
    let filter = Filter { partner: None, state: Some(ReferralState::OnHold), after };
    let found = referrals::page(db, &filter, rows_max)?;
    let ids: Vec<ReferralId> = found.iter().map(|it| it.id).collect();
    let mut holds = referral_moves::holds(db, &ids)?;
    let with = |record: ReferralRecord| {
        let (finding, held_at) = holds.remove(&record.id)?;
        Some(ReferralOnHold { record, finding, held_at })
    };
    Ok(found.into_iter().filter_map(with).collect())
}

/// A referral, whatever became of it since it was on hold; `None` where it never was.
///
/// # Errors
/// The store's.
pub fn referral(db: &mut Db, id: ReferralId) -> Result<Option<ReferralOnHold>, StoreError> {
    let Some(record) = referrals::get(db, id)? else { return Ok(None) };
    let moves = referral_moves::of(db, id)?.into_iter().rev();
    let mut held = moves.filter(|it| it.state == ReferralState::OnHold);
    Ok(held.next().map(|it| {
        let finding = it.finding.unwrap_or(it.reason);
        ReferralOnHold { record, finding, held_at: it.moved_at }
    }))
}

/// The part of a receipt that is read.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    explanation: Vec<HeldBecause>,
}

impl OnHold {
    fn of(held: HeldEvent, event: Option<FoundEvent>) -> Result<Self, StoreError> {
        let said: Said = serde_json::from_str(&held.receipt)
            .map_err(|_other| StoreError::Corrupt("held_events.receipt"))?;
        Ok(Self { held, event, says: said.explanation })
    }
}
