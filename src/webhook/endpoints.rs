//! What a partner may do with its webhook endpoints. Another partner's endpoint is as unknown as
//! one that is deleted.

use chrono::TimeDelta;
use serde_json::json;

use super::deliver::Undelivered;
use super::endpoint::EndpointUrl;
use crate::books::Books;
use crate::clock;
use crate::ids::{EndpointId, MessageId, PartnerId};
use crate::store::outbox::{Kind, deliveries};
use crate::store::webhook_endpoints::{self, Endpoint, State};
use crate::store::{Db, StoreError};

/// Maximum number of endpoints of one partner.
pub const ENDPOINTS_MAX: usize = 10;
/// For how long the previous secret signs too after a rotation.
const BOTH_SIGN_FOR: TimeDelta = TimeDelta::hours(24);

/// What came of making an endpoint.
pub enum Made {
    Endpoint(Endpoint),
    /// The partner has [`ENDPOINTS_MAX`] already.
    TooMany,
}

/// What came of asking for a new secret.
pub enum Rotated {
    /// The endpoint, as it is with the new secret.
    Endpoint(Endpoint),
    Unknown,
    /// Another rotation came first; this one changed nothing.
    Overtaken,
}

/// What came of deleting an endpoint.
pub enum Deleted {
    Deleted,
    Unknown,
}

/// What came of a test message.
pub enum Tested {
    Unknown,
    /// The endpoint answered with this status of success.
    Delivered {
        message: MessageId,
        status: u16,
    },
    Undelivered {
        message: MessageId,
        why: Undelivered,
    },
}

/// Makes an endpoint for `who`, unless it has as many as a partner may have.
///
/// # Errors
/// The store's.
pub async fn make(
    who: &PartnerId,
    books: &Books,
    url: EndpointUrl,
    events: Vec<Kind>,
) -> Result<Made, StoreError> {
    let endpoint = Endpoint {
        id: EndpointId::random(),
        partner: who.clone(),
        url: url.as_str().to_owned(),
        events,
        secret_version: 1,
        previous_until: None,
        signs_from: 1,
        state: State::Enabled,
        created_at: clock::now(),
    };
    books
        .write(move |tx| {
            let there = webhook_endpoints::of_partner(tx.db(), &endpoint.partner)?;
            if there.len() >= ENDPOINTS_MAX {
                return Ok(Made::TooMany);
            }
            webhook_endpoints::insert(tx, &endpoint)?;
            Ok(Made::Endpoint(endpoint))
        })
        .await
}

/// All endpoints of `who`.
///
/// # Errors
/// The store's.
pub async fn list(who: &PartnerId, books: &Books) -> Result<Vec<Endpoint>, StoreError> {
    let partner = who.clone();
    books.ask(move |db| webhook_endpoints::of_partner(db, &partner)).await
}

/// One endpoint of `who`; `None` when it has no such endpoint.
///
/// # Errors
/// The store's.
pub async fn find(
    who: &PartnerId,
    books: &Books,
    id: EndpointId,
) -> Result<Option<Endpoint>, StoreError> {
    let partner = who.clone();
    books.ask(move |db| own(db, &partner, id)).await
}

/// Gives an endpoint a new secret. What is sent in the next 24 hours is signed with the previous
/// secret too.
///
/// # Errors
/// The store's.
pub async fn rotate_secret(
    who: &PartnerId,
    books: &Books,
    id: EndpointId,
) -> Result<Rotated, StoreError> {
    let partner = who.clone();
    books
        .write(move |tx| {
            let Some(mut endpoint) = own(tx.db(), &partner, id)? else {
                return Ok(Rotated::Unknown);
            };
            let now = clock::now();
            let until = now.plus(BOTH_SIGN_FOR);
            if !webhook_endpoints::rotate(tx, &endpoint, until, now)? {
                return Ok(Rotated::Overtaken);
            }
            endpoint.signs_from = endpoint.oldest_signing(now);
            endpoint.secret_version = endpoint.secret_version.saturating_add(1);
            endpoint.previous_until = Some(until);
            Ok(Rotated::Endpoint(endpoint))
        })
        .await
}

/// Deletes an endpoint. Messages that wait for it are cancelled.
///
/// # Errors
/// The store's.
pub async fn delete(who: &PartnerId, books: &Books, id: EndpointId) -> Result<Deleted, StoreError> {
    let partner = who.clone();
    books
        .write(move |tx| {
            if own(tx.db(), &partner, id)?.is_none() {
                return Ok(Deleted::Unknown);
            }
            let now = clock::now();
            webhook_endpoints::set_state(tx, id, State::Deleted, now)?;
            deliveries::cancel_all(tx, id, now)?;
            Ok(Deleted::Deleted)
        })
        .await
}

/// Sends an event of the type `endpoint.test` now, outside the queue. An endpoint that accepts it is
/// enabled again, and what waits for it goes out at once.
///
/// # Errors
/// The store's.
pub async fn test(who: &PartnerId, books: &Books, id: EndpointId) -> Result<Tested, StoreError> {
    let Some(endpoint) = find(who, books, id).await? else { return Ok(Tested::Unknown) };
    let message = MessageId::random();
    let body = json!({
        "type": "endpoint.test", "timestamp": clock::now(), "data": { "endpoint": endpoint.id },
    });
    match Box::pin(books.webhook.post(&endpoint, message, &body.to_string())).await {
        Ok(status) => {
            enable(books, id).await?;
            Ok(Tested::Delivered { message, status })
        }
        Err(why) => Ok(Tested::Undelivered { message, why }),
    }
}

async fn enable(books: &Books, id: EndpointId) -> Result<(), StoreError> {
    books
        .write(move |tx| {
            let now = clock::now();
            webhook_endpoints::set_state(tx, id, State::Enabled, now)?;
            deliveries::hasten(tx, id, now)
        })
        .await?;
    books.messages_waiting.notify_one();
    Ok(())
}

fn own(db: &mut Db, partner: &PartnerId, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let found = webhook_endpoints::get(db, id)?;
    Ok(found.filter(|found| found.partner == *partner && found.state != State::Deleted))
}
