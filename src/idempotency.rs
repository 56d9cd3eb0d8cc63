//! A request with an `Idempotency-Key` is carried out once, whichever gateway it reaches
//! (draft-ietf-httpapi-idempotency-key-header-07): it is claimed, carried out, and its answer kept.

use std::time::Duration;

use crate::books::Books;
use crate::clock;
use crate::store::StoreError;
use crate::store::idempotency_keys::{self, Claim, KeptAnswer, Request};

/// How long a second request waits for the first one's answer.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Claims the key. Waits a moment for another request that is at work under the same key.
///
/// # Errors
/// The store's.
pub async fn claim(asked: Request, books: &Books) -> Result<Claim, StoreError> {
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(10);
    loop {
        let claimed =
            books.write(move |tx| idempotency_keys::claim(tx, &asked, clock::now())).await?;
        if !matches!(claimed, Claim::UnderWay) || waited >= WAIT_MAX {
            return Ok(claimed);
        }
        tokio::time::sleep(pause).await;
        waited = waited.saturating_add(pause);
        pause = pause.saturating_mul(2).min(Duration::from_millis(250));
    }
}

/// Keeps the answer to a request that was carried out. Without one the key is free again.
///
/// # Errors
/// The store's.
pub async fn finish(
    asked: Request,
    books: &Books,
    answer: Option<KeptAnswer>,
) -> Result<(), StoreError> {
    books
        .write(move |tx| match &answer {
            Some(answer) => idempotency_keys::keep(tx, &asked, answer),
            None => idempotency_keys::release(tx, &asked),
        })
        .await
}
