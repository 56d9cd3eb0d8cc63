//! A message that was given up (a dead letter) goes back into the queue, as if it had never failed.

use crate::books::Books;
use crate::clock;
use crate::ids::{MessageId, PartnerId, StaffId};
use crate::store::outbox::dead::{self, Message};
use crate::store::outbox::{Destination, State};
use crate::store::webhook_endpoints::{self, State as EndpointState};
use crate::store::{Db, StoreError};

/// Who asks for a replay.
pub enum ReplayedBy<'a> {
    /// Staff may replay every message.
    Staff(&'a StaffId),
    /// A partner may replay messages to its own endpoints.
    Partner(&'a PartnerId),
}

/// What came of a replay.
pub enum Replayed {
    /// The message waits again.
    Waiting(Message),
    /// The message was not given up: it is in this state.
    NotDead(State),
    /// There is no such message, or it is not the asker's.
    Unknown,
}

/// Puts a message that was given up into the queue again, and wakes the relay.
///
/// # Errors
/// The store's.
pub async fn replay(
    who: ReplayedBy<'_>,
    books: &Books,
    id: MessageId,
) -> Result<Replayed, StoreError> {
    let owner = match who {
        ReplayedBy::Staff(_) => None,
        ReplayedBy::Partner(partner) => Some(partner.clone()),
    };
    let replayed = books
        .write(move |tx| {
            let Some(message) = dead::get(tx.db(), id)? else { return Ok(Replayed::Unknown) };
            if let Some(owner) = &owner
                && !is_of(tx.db(), &message, owner)?
            {
                return Ok(Replayed::Unknown);
            }
            if !dead::replay(tx, id, clock::now())? {
                return Ok(Replayed::NotDead(message.state));
            }
            let message = dead::get(tx.db(), id)?;
            Ok(message.map_or(Replayed::Unknown, Replayed::Waiting))
        })
        .await?;
    if let Replayed::Waiting(_) = &replayed {
        books.messages_waiting.notify_one();
        if let ReplayedBy::Staff(staff) = who {
            tracing::info!(delivery = %id, %staff, "a dead letter is in the queue again");
        }
    }
    Ok(replayed)
}

/// Whether a message goes to an endpoint that the partner has.
fn is_of(db: &mut Db, message: &Message, partner: &PartnerId) -> Result<bool, StoreError> {
    let Destination::Webhook(endpoint) = message.destination else { return Ok(false) };
    let endpoint = webhook_endpoints::get(db, endpoint)?;
    Ok(endpoint.is_some_and(|endpoint| {
        endpoint.partner == *partner && endpoint.state != EndpointState::Deleted
    }))
}
