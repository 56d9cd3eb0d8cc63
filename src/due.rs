//! What falls due without anybody asking: points that mature, points that expire,
//! holds whose time is over. It forgets expired idempotency keys on the way. Finds what is due in
//! bounded rounds and hands it to the writer, which looks again under its locks: so nothing falls
//! due twice, whatever is restarted and however many gateways look.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{self, Moment};
use crate::ids::{CustomerId, PartnerId};
use crate::partner::Registry;
use crate::partner::programme::HOURS_MAX;
use crate::partner::test_clock::TestClocks;
use crate::referral::{Actor, Move, Step};
use crate::store::{
    Db, Pool, StoreError, holds, idempotency_keys, lots, referral_claims, referral_rewards,
    referrals, test_clocks,
};
use crate::telemetry::metrics::Pulse;
use crate::writer::{MoveRefusal, WriteError, Writer};

/// A running search for what has fallen due.
pub struct Due {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Customers in one round: one transaction of the database.
const CUSTOMERS_MAX: i64 = 200;

/// Referrals in one round.
const REFERRALS_MAX: i64 = 200;

/// Idempotency keys forgotten in one round.
const KEYS_MAX: i64 = 1_000;

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DueError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Starts the search, at once and then every so often, until it is stopped.
#[must_use]
pub fn start(
    pool: Pool,
    writer: Writer,
    registry: Arc<Registry>,
    (every, pulse): (Duration, Pulse),
) -> Due {
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        while !*stopped.borrow() {
            if let Err(error) = forget(&pool).await {
                tracing::warn!(%error, "expired idempotency keys are not forgotten");
            }
            match round(&pool, &writer, &registry).await {
                Ok(0) => pulse.beat(),
                Ok(_more) => continue,
                Err(error) => {
                    pulse.miss();
                    tracing::warn!(%error, "what has fallen due is not recorded");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stopped.changed() => {}
            }
        }
    });
    Due { stop, task }
}

/// Records what has fallen due for some customers; returns for how many, none when all is done.
///
/// # Errors
/// [`DueError`]; what was recorded stays so.
pub async fn round(
    pool: &Pool,
    writer: &Writer,
    registry: &Arc<Registry>,
) -> Result<usize, DueError> {
    let (reading, registry) = (pool.clone(), Arc::clone(registry));
    let find = move || reading.with(|db| find(db, &registry));
    let found = tokio::task::spawn_blocking(find).await;
    let (customers, clocks) = found.map_err(|_cancelled| WriteError::Stopped)??;
    let count = customers.len();
    if count > 0 {
        let transactions = writer.record_due(customers).await?;
        tracing::info!(
            customers = count,
            transactions,
            "points matured or expired, or holds timed out"
        );
    }
    let mut count = count.saturating_add(of_referrals(pool, writer, (None, clocks.now())).await?);
    for (partner, now) in clocks.ahead() {
        let due = of_referrals(pool, writer, (Some(partner), now)).await?;
        count = count.saturating_add(due);
    }
    Ok(count)
}

/// What falls due at that time for referrals of all partners or of one: those of which nothing came
/// in their time expire, and commissions whose reservation is over may be paid. Returns how many
/// there were. A referral on hold is none of them, however old.
///
/// # Errors
/// [`DueError`]; what was recorded stays so.
pub async fn of_referrals(
    pool: &Pool,
    writer: &Writer,
    (partner, now): (Option<&PartnerId>, Moment),
) -> Result<usize, DueError> {
    let (reading, partner) = (pool.clone(), partner.cloned());
    let find = move || {
        reading.with(|db| {
            let before = now.minus(TimeDelta::hours(i64::from(HOURS_MAX)));
            if partner.is_none() {
                referral_claims::forget_sightings(db, before, KEYS_MAX)?;
            }
            let whose = (partner.as_ref(), now);
            let expired = referrals::expired(db, whose, REFERRALS_MAX)?;
            Ok::<_, StoreError>((expired, referral_rewards::fallen_due(db, whose, REFERRALS_MAX)?))
        })
    };
    let found = tokio::task::spawn_blocking(find).await;
    let (expired, matured) = found.map_err(|_cancelled| WriteError::Stopped)??;
    let mut count = matured.len();
    for referral in expired {
        let expire = Move::new(referral, Step::Expire, Actor::Program("due"));
        match writer.advance(expire).await {
            Ok(_moved) => count = count.saturating_add(1),
            // It has gone on in the meantime.
            Err(WriteError::Move(MoveRefusal::Illegal(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !matured.is_empty() {
        writer.mature(matured, now).await?;
    }
    Ok(count)
}

/// Some of the customers for whom something has fallen due, by our clock or by that of a partner on
/// trial.
fn find(db: &mut Db, registry: &Registry) -> Result<(Vec<CustomerId>, TestClocks), StoreError> {
    let clocks = test_clocks::load(db, clock::now(), |id| registry.is_trial(id))?;
    let mut customers = lots::fallen_due(db, None, clocks.now(), CUSTOMERS_MAX)?;
    customers.extend(holds::timed_out(db, None, clocks.now(), CUSTOMERS_MAX)?);
    for (partner, now) in clocks.ahead() {
        customers.extend(lots::fallen_due(db, Some(partner), now, CUSTOMERS_MAX)?);
        customers.extend(holds::timed_out(db, Some(partner), now, CUSTOMERS_MAX)?);
    }
    Ok((customers, clocks))
}

/// Forgets some of the idempotency keys whose day is over.
async fn forget(pool: &Pool) -> Result<(), DueError> {
    let pool = pool.clone();
    let work = move || pool.with(|db| idempotency_keys::forget_expired(db, clock::now(), KEYS_MAX));
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_cancelled| WriteError::Stopped)??;
    Ok(())
}

impl Due {
    /// Lets the round under way end, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the search for what has fallen due was lost");
        }
    }
}
