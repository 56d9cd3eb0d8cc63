//! What falls due without anybody asking: points that mature, points that expire,
//! holds whose time is over. It forgets expired idempotency keys on the way. Finds what is due in
//! bounded rounds and hands it to the writer, which looks again under its locks: so nothing falls
//! due twice, whatever is restarted and however many gateways look.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::clock::{self, Moment};
use crate::ids::{CustomerId, PartnerId};
use crate::partner::Registry;
use crate::partner::programme::HOURS_MAX;
use crate::partner::test_clock::TestClocks;
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::{
    Db, Pool, StoreError, holds, idempotency_keys, lots, referral_claims, referral_rewards,
    referrals, test_clocks,
};
use crate::task::{Chore, Round, Turn};
use crate::writer::{MoveRefusal, WriteError, Writer};

/// The search for what has fallen due.
pub struct Due {
    pub pool: Pool,
    pub writer: Writer,
    pub registry: Arc<Registry>,
}

/// What one round found and recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Customers and referrals for which something has fallen due.
    pub found: usize,
    /// Transactions and moves that were recorded for them.
    pub recorded: usize,
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

impl Chore for Due {
    type Error = DueError;

    async fn round(&mut self, _turn: Turn) -> Result<Round, DueError> {
        if let Err(error) = forget(&self.pool).await {
            tracing::warn!(%error, "expired idempotency keys are not forgotten");
        }
        Ok(round(&self.pool, &self.writer, &self.registry).await?.round())
    }
}

impl Progress {
    /// What comes after it.
    #[must_use]
    pub const fn round(&self) -> Round {
        match (self.found, self.recorded) {
            (0, _) => Round::Done,
            (_, 0) => Round::Stuck,
            _ => Round::More,
        }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            found: self.found.saturating_add(other.found),
            recorded: self.recorded.saturating_add(other.recorded),
        }
    }
}

/// Records what has fallen due for some customers and referrals.
///
/// # Errors
/// [`DueError`]; what was recorded stays so.
pub async fn round(
    pool: &Pool,
    writer: &Writer,
    registry: &Arc<Registry>,
) -> Result<Progress, DueError> {
    let (reading, registry) = (pool.clone(), Arc::clone(registry));
    let find = move || reading.with(|db| find(db, &registry));
    let found = tokio::task::spawn_blocking(find).await;
    let (customers, clocks) = found.map_err(|_cancelled| WriteError::Stopped)??;
    let mut progress = Progress { found: customers.len(), recorded: 0 };
    if progress.found > 0 {
        let transactions = writer.record_due(customers).await?;
        progress.recorded = transactions;
        tracing::info!(
            customers = progress.found,
            transactions,
            "points matured or expired, or holds timed out"
        );
    }
    progress = progress.and(of_referrals(pool, writer, (None, clocks.now())).await?);
    for (partner, now) in clocks.ahead() {
        progress = progress.and(of_referrals(pool, writer, (Some(partner), now)).await?);
    }
    Ok(progress)
}

/// What falls due at that time for referrals of all partners or of one: those of which nothing came
/// in their time expire, and commissions whose reservation is over may be paid. A referral on hold
/// is none of them, however old.
///
/// # Errors
/// [`DueError`]; what was recorded stays so.
pub async fn of_referrals(
    pool: &Pool,
    writer: &Writer,
    (partner, now): (Option<&PartnerId>, Moment),
) -> Result<Progress, DueError> {
    let (reading, partner) = (pool.clone(), partner.cloned());
    let find = move || {
        reading.with(|db| {
            let before = now.minus(TimeDelta::hours(i64::from(HOURS_MAX)));
            if partner.is_none() {
                referral_claims::forget_sightings(db, before, KEYS_MAX)?;
            }
            let whose = partner.as_ref();
            let expired = referrals::expired(db, whose, now, REFERRALS_MAX)?;
            let matured = referral_rewards::fallen_due(db, whose, now, REFERRALS_MAX)?;
            Ok::<_, StoreError>((expired, matured))
        })
    };
    let found = tokio::task::spawn_blocking(find).await;
    let (expired, matured) = found.map_err(|_cancelled| WriteError::Stopped)??;
    let mut progress = Progress { found: expired.len().saturating_add(matured.len()), recorded: 0 };
    for referral in expired {
        let expire = Move::new(referral, ReferralStep::Expire, Actor::Program("due"));
        match writer.move_referral(expire).await {
            Ok(_moved) => progress.recorded = progress.recorded.saturating_add(1),
            // It has gone on in the meantime.
            Err(WriteError::Move(MoveRefusal::Illegal(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !matured.is_empty() {
        let transactions = writer.mature_commissions(matured, now).await?;
        progress.recorded = progress.recorded.saturating_add(transactions);
    }
    Ok(progress)
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
