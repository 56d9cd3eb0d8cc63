//! How deliveries stand, for the people who look after them. Only reads.

use crate::clock::Moment;
use crate::ids::{EventKey, ReferralId};
use crate::store::outbox::dead::{self, Message};
use crate::store::outbox::{self, Kind};
use crate::store::{Db, StoreError};
use crate::story::StoryId;

/// A destination with something that waits or was given up.
pub struct Queue {
    /// `crm`, `notice`, `bank`, or an endpoint's id.
    pub destination: String,
    pub waiting: i64,
    pub dead: i64,
    /// When the oldest waiting message was queued.
    pub oldest: Option<Moment>,
}

/// All of them, by their names.
///
/// # Errors
/// The store's.
pub fn queues(db: &mut Db) -> Result<Vec<Queue>, StoreError> {
    let mut found: Vec<Queue> = outbox::lag(db)?
        .into_iter()
        .map(|lag| Queue {
            destination: lag.destination.to_string(),
            waiting: lag.waiting,
            dead: lag.dead,
            oldest: lag.oldest,
        })
        .collect();
    found.sort_by(|a, b| a.destination.cmp(&b.destination));
    Ok(found)
}

/// Messages that were given up, the oldest first, after that position.
///
/// # Errors
/// The store's.
pub fn given_up(db: &mut Db, after: i64, rows_max: i64) -> Result<Vec<Message>, StoreError> {
    dead::page(db, None, after, rows_max)
}

/// The event or referral that a message is about, where it is about one.
#[must_use]
pub fn story_of(message: &Message) -> Option<StoryId> {
    let subject = message.subject;
    match Kind::by_name(&message.kind)? {
        Kind::Lead
        | Kind::ConsentWithdrawn
        | Kind::ReferralQualified
        | Kind::ReferralConverted
        | Kind::ReferralRewarded => Some(StoryId::Referral(ReferralId::from_uuid(subject))),
        Kind::PaymentFlagged | Kind::RedemptionConfirmed | Kind::RedemptionDeclined => {
            Some(StoryId::Event(EventKey::from_bytes(*subject.as_bytes())))
        }
        // A reward that is held has a key that is no event's.
        Kind::EventHeld
        | Kind::EventReleased
        | Kind::EventRejected
        | Kind::Task
        | Kind::SettlementReady
        | Kind::BreakAsked
        | Kind::BreakClosed
        | Kind::AlarmBegan
        | Kind::PartnerFrozen
        | Kind::PartnerUnfrozen
        | Kind::Notice => None,
    }
}
