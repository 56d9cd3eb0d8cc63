//! What falls due by time alone: points that mature, points that expire, holds and quotes
//! whose time is over. The search deletes expired idempotency keys, and figures of periods long over, on
//! the way. It finds what is due
//! in bounded rounds and hands it to the writer, which looks again under its locks. So nothing falls
//! due twice, even after a restart or with several gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use crate::clock::{self, Moment};
use crate::ids::{AccountId, CustomerId, PartnerId, QuoteId};
use crate::ledger::Account;
use crate::partner::Registry;
use crate::partner::programme::HOURS_MAX;
use crate::partner::test_clock::TestClocks;
use crate::referral::{Actor, Move, ReferralStep};
use crate::store::{
    Db, Pool, StoreError, accounts, holds, idempotency_keys, lots, past_figures, quotes,
    referral_claims, referral_rewards, referrals, test_clocks,
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

/// Quotes that end in one round.
const QUOTES_MAX: i64 = 200;

/// The part of the range of an account, in smallest units, at which people must look at it.
const ALARM: u64 = i64::MAX.unsigned_abs() / 8;

/// Idempotency keys forgotten in one round.
const KEYS_MAX: i64 = 1_000;

/// Figures, and counts, forgotten in one round.
const FIGURES_MAX: i64 = 1_000;
/// Patterns compare a week with the eight before.
const FIGURES_READ_DAYS: i64 = 56;
/// A month that has begun, and the 90 days within which the database lets nothing go.
const FIGURES_SPARE_DAYS: i64 = 62;

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
        if let Err(error) = forget(&self.pool, figures_kept_days(&self.registry)).await {
            tracing::warn!(%error, "expired idempotency keys and past figures are not forgotten");
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
    let passed_over = writer.passed_over(clock::now());
    let find = move || reading.with(|db| find(db, &registry, &passed_over));
    let found = tokio::task::spawn_blocking(find).await;
    let Found { customers, quotes, clocks } = found.map_err(|_cancelled| WriteError::Stopped)??;
    let mut progress =
        Progress { found: customers.len().saturating_add(quotes.len()), recorded: 0 };
    if !quotes.is_empty() {
        progress.recorded = writer.end_quotes(quotes).await?;
    }
    if !customers.is_empty() {
        let transactions = writer.record_due(customers).await?;
        progress.recorded = progress.recorded.saturating_add(transactions);
        tracing::info!(
            customers = progress.found,
            transactions,
            "points matured or expired, or holds timed out"
        );
    }
    progress = progress.and(of_referrals(pool, writer, None, clocks.now()).await?);
    for (partner, now) in clocks.ahead() {
        progress = progress.and(of_referrals(pool, writer, Some(partner), now).await?);
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
    partner: Option<&PartnerId>,
    now: Moment,
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

/// What one round found.
struct Found {
    customers: Vec<CustomerId>,
    /// Open quotes whose time is over.
    quotes: Vec<QuoteId>,
    clocks: TestClocks,
}

/// Some of the customers and quotes for which something has fallen due, by our clock or by that of
/// a partner on trial.
fn find(
    db: &mut Db,
    registry: &Registry,
    passed_over: &BTreeSet<CustomerId>,
) -> Result<Found, StoreError> {
    alarm(db)?;
    let clocks = test_clocks::load(db, clock::now(), |id| registry.is_trial(id))?;
    let ours = std::iter::once((None, clocks.now()));
    let ahead = clocks.ahead().map(|(partner, now)| (Some(partner), now));
    let (mut customers, mut quotes) = (Vec::new(), Vec::new());
    // Those who are passed over are found first, so that many more are asked for.
    let more = i64::try_from(passed_over.len()).unwrap_or(0);
    let customers_max = CUSTOMERS_MAX.saturating_add(more);
    for (partner, now) in ours.chain(ahead) {
        customers.extend(lots::fallen_due(db, partner, now, customers_max)?);
        customers.extend(holds::timed_out(db, partner, now, customers_max)?);
        quotes.extend(quotes::lapsed(db, partner, now, QUOTES_MAX)?);
    }
    customers.retain(|customer| !passed_over.contains(customer));
    Ok(Found { customers, quotes, clocks })
}

/// Says in the log that an account which all partners share comes near the end of its range, long
/// before it is there.
fn alarm(db: &mut Db) -> Result<(), StoreError> {
    let shared: BTreeMap<AccountId, Account> =
        Account::of_bank().map(|account| (account.id(), account)).collect();
    let ids: Vec<AccountId> = shared.keys().copied().collect();
    for (id, balance) in accounts::balances(db, &ids)? {
        if balance.unsigned_abs() > ALARM
            && let Some(account) = shared.get(&id)
        {
            let (code, asset) = (account.code.name(), account.asset.code());
            tracing::error!(code, asset, balance, "an account of the bank nears its range");
        }
    }
    Ok(())
}

/// For how many days figures of exposure and counts of payments may still be read: the latest event that
/// counts by its own date, or the weeks before that a pattern compares, and a month that has begun.
fn figures_kept_days(registry: &Registry) -> i64 {
    let late = i64::from(registry.programme().lateness.late_days_ceiling);
    late.max(FIGURES_READ_DAYS).saturating_add(FIGURES_SPARE_DAYS)
}

/// Forgets some of the idempotency keys whose day is over, and figures older than that many days.
async fn forget(pool: &Pool, kept_days: i64) -> Result<(), DueError> {
    let pool = pool.clone();
    let now = clock::now();
    let before = now.minus(TimeDelta::days(kept_days)).utc().date_naive();
    let work = move || {
        pool.with(|db| {
            idempotency_keys::forget_expired(db, now, KEYS_MAX)?;
            past_figures::forget(db, before, FIGURES_MAX)
        })
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_cancelled| WriteError::Stopped)??;
    Ok(())
}
