//! Follows customers up, in bounded rounds: what referrals' moves make of tasks, tasks whose time has
//! come, and where customers stand. Whatever is written is written once however many gateways look:
//! a move is taken by one, a task is its cause's, and a stage is held while it is put.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::spend::facts;
use super::stage::{Reason, Stage, stage};
use super::task::{About, Closed, Now, Task, TaskState, cause_of, choose, closing};
use crate::clock::{self, Moment};
use crate::ids::{CustomerId, ReferralId, RuleId};
use crate::partner::Registry;
use crate::partner::follow_up::{Cause, StageRules, TaskRule};
use crate::partner::programme::Programme;
use crate::referral::State;
use crate::store::referrals::ReferralRecord;
use crate::store::{
    LedgerTx, Pool, StoreError, contacts, customer_stages, follow_ups, referrals, tasks,
};

/// A running follow-up.
pub struct FollowUp {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What it works with.
pub struct FollowUpSettings {
    pub pool: Pool,
    pub registry: Arc<Registry>,
    pub time_zone: Tz,
    pub every: Duration,
    /// Told when something was put in line.
    pub poked: Arc<Notify>,
}

/// Referrals, tasks or customers in one round.
const ROUND_MAX: i64 = 50;
/// How long a customer stands where they do before it is reckoned again, if nothing happens.
const LOOK_EVERY: TimeDelta = TimeDelta::hours(24);
/// A customer's id was made so long before it was committed at most.
const COMMITTED_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// Starts it, at once and then every so often, until it is stopped.
#[must_use]
pub fn start(settings: FollowUpSettings) -> FollowUp {
    let (stop, mut stopped) = watch::channel(false);
    let every = settings.every;
    let settings = Arc::new(settings);
    let task = tokio::spawn(async move {
        // At its start it looks at everybody, and then at whoever is new.
        let mut new_after = CustomerId::from_uuid(uuid::Uuid::nil());
        while !*stopped.borrow() {
            let (working, after) = (Arc::clone(&settings), new_after);
            let done = tokio::task::spawn_blocking(move || working.round(after, clock::now()));
            match done.await.unwrap_or(Err(StoreError::Exhausted)) {
                Ok(Round { count, new_after: next }) => {
                    new_after = next;
                    if count > 0 {
                        settings.poked.notify_one();
                        continue;
                    }
                }
                Err(error) => tracing::warn!(%error, "customers are not followed up"),
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stopped.changed() => {}
            }
        }
    });
    FollowUp { stop, task }
}

impl FollowUp {
    /// Lets the round under way end, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the follow-up of customers was lost");
        }
    }
}

/// What a round came to.
struct Round {
    count: usize,
    /// From where on customers may be new.
    new_after: CustomerId,
}

/// Where a customer stands, and by what.
struct Reckoned {
    referrals: Vec<ReferralRecord>,
    stage: Stage,
    reason: Reason,
}

impl FollowUpSettings {
    fn round(&self, new_after: CustomerId, now: Moment) -> Result<Round, StoreError> {
        let programme = self.registry.programme();
        let moved = self.follow_moves(&programme, now)?;
        let opened = self.open_tasks(now)?;
        let Some(rules) = &programme.stage else {
            return Ok(Round { count: moved.saturating_add(opened), new_after });
        };
        let new = self.pool.with(|db| customer_stages::unstaged(db, new_after, ROUND_MAX))?;
        let again = self.pool.with(|db| customer_stages::to_look_at(db, now, ROUND_MAX))?;
        let mut reckoned = Vec::new();
        for customer in new.iter().chain(&again) {
            reckoned.push((*customer, self.reckon(rules, *customer, now)));
        }
        self.keep(&programme, reckoned, now)?;
        let new_after = if new.is_empty() {
            earliest_id(now.minus(COMMITTED_WITHIN))
        } else {
            new.last().copied().unwrap_or(new_after)
        };
        let count = [opened, new.len(), again.len()].into_iter().fold(moved, usize::saturating_add);
        Ok(Round { count, new_after })
    }

    /// What the moves of referrals make of their tasks.
    fn follow_moves(&self, programme: &Programme, now: Moment) -> Result<usize, StoreError> {
        let found = self.pool.with(|db| follow_ups::some(db, ROUND_MAX))?;
        if found.is_empty() {
            return Ok(0);
        }
        self.pool.with(|db| {
            db.write(|tx| {
                let mut taken: Vec<ReferralId> = Vec::new();
                for (referral, seq) in &found {
                    let first = follow_ups::take(tx, *referral, *seq)?;
                    if first && !taken.contains(referral) {
                        taken.push(*referral);
                    }
                }
                for id in taken {
                    if let Some(referral) = referrals::get(tx.db(), id)? {
                        self.follow(tx, programme, &referral, now)?;
                    }
                }
                Ok::<_, StoreError>(())
            })
        })?;
        Ok(found.len())
    }

    fn follow(
        &self,
        tx: &mut LedgerTx<'_>,
        programme: &Programme,
        referral: &ReferralRecord,
        now: Moment,
    ) -> Result<(), StoreError> {
        let state = referral.state;
        for task in tasks::of_referral(tx.db(), referral.id)? {
            if let Some(end) = closing(task.cause, state) {
                // What had not begun is not done.
                let planned = task.state == TaskState::Planned;
                let end = if planned { TaskState::Cancelled } else { end };
                let why = format!("The referral is {}.", state.name());
                tasks::close(tx, task.id, (end, &by_program(why, now)))?;
            }
        }
        if let Some(cause) = cause_of(state) {
            let about = of_referral(referral);
            self.make(tx, programme, (cause, &about), now)?;
        }
        if let Some(customer) = referral.customer {
            customer_stages::look_again(tx, customer, now)?;
        }
        Ok(())
    }

    fn make(
        &self,
        tx: &mut LedgerTx<'_>,
        programme: &Programme,
        (cause, about): (Cause, &About),
        at: Moment,
    ) -> Result<(), StoreError> {
        let now = Now { at, zone: self.time_zone, calendar: &programme.calendar };
        let rules = programme.task.iter().filter(|rule: &&TaskRule| rule.on == cause);
        for rule in rules {
            tasks::insert(tx, &Task::of(rule, about, now), at)?;
        }
        Ok(())
    }

    fn open_tasks(&self, now: Moment) -> Result<usize, StoreError> {
        let found = self.pool.with(|db| tasks::to_open(db, now, ROUND_MAX))?;
        if found.is_empty() {
            return Ok(0);
        }
        self.pool.with(|db| {
            db.write(|tx| {
                for task in &found {
                    tasks::open(tx, *task, now)?;
                }
                Ok::<_, StoreError>(())
            })
        })?;
        Ok(found.len())
    }

    /// Where a customer stands now.
    fn reckon(
        &self,
        rules: &StageRules,
        customer: CustomerId,
        now: Moment,
    ) -> Result<Reckoned, StoreError> {
        let (referrals, facts) = self.pool.with(|db| {
            let list = referrals::of_customer(db, customer)?;
            let facts = facts(db, customer, &list, (rules, self.time_zone), now)?;
            Ok::<_, StoreError>((list, facts))
        })?;
        let (stage, reason) = stage(rules, &facts).map_err(|_range| StoreError::OutOfRange)?;
        Ok(Reckoned { referrals, stage, reason })
    }

    /// Keeps where customers stand, and what that makes of tasks, in one transaction. One that cannot
    /// be reckoned keeps nobody else waiting: it is tried again another day.
    fn keep(
        &self,
        programme: &Programme,
        list: Vec<(CustomerId, Result<Reckoned, StoreError>)>,
        now: Moment,
    ) -> Result<(), StoreError> {
        if list.is_empty() {
            return Ok(());
        }
        let look_at = now.plus(LOOK_EVERY);
        self.pool.with(|db| {
            db.write(|tx| {
                for (customer, reckoned) in &list {
                    match reckoned {
                        Ok(reckoned) => {
                            self.keep_one(tx, programme, (*customer, reckoned), (look_at, now))?;
                        }
                        Err(error) => {
                            tracing::warn!(%error, "a customer's stage cannot be reckoned");
                            customer_stages::postpone(tx, *customer, look_at)?;
                        }
                    }
                }
                Ok::<_, StoreError>(())
            })
        })
    }

    fn keep_one(
        &self,
        tx: &mut LedgerTx<'_>,
        programme: &Programme,
        (customer, reckoned): (CustomerId, &Reckoned),
        (look_at, now): (Moment, Moment),
    ) -> Result<(), StoreError> {
        let Reckoned { referrals, stage, reason } = reckoned;
        let moved = customer_stages::put(tx, customer, (*stage, reason), look_at, now)?;
        // Nobody is called who did not agree to be.
        let region = contacts::region(tx.db(), customer)?;
        if *stage != Stage::AtRisk || region.is_none() {
            let why = match &region {
                None => "The customer does not agree to be contacted.".to_owned(),
                Some(_region) => reason.says(),
            };
            for task in tasks::of_customer_at_risk(tx.db(), customer)? {
                let closed = by_program(why.clone(), now);
                tasks::close(tx, task.id, (TaskState::Cancelled, &closed))?;
            }
        }
        if let (Stage::AtRisk, Some(seq), Some(region)) = (stage, moved, region) {
            let about = About { occurrence: seq, ..of_customer(customer, referrals, reason) };
            let about = placed(tx, programme, about, &region)?;
            self.make(tx, programme, (Cause::AtRisk, &about), now)?;
        }
        Ok(())
    }
}

fn by_program(note: String, at: Moment) -> Closed {
    let (by_kind, by) = ("program".to_owned(), "follow-up".to_owned());
    Closed { by_kind, by, note: Some(note), at }
}

fn of_referral(referral: &ReferralRecord) -> About {
    let next_step = referral.placement.next_step.clone().unwrap_or_default();
    let word = |name, text: &str| (name, text.to_owned(), text.to_owned());
    About {
        referral: Some(referral.id),
        customer: referral.customer,
        branch: referral.placement.branch.clone(),
        manager: referral.placement.manager.clone(),
        occurrence: 0,
        words: vec![
            word("product", &referral.product),
            word("region", &referral.region),
            word("next_step", &next_step),
        ],
    }
}

/// Whose the customer was last, and by which product the CRM knows them.
fn of_customer(customer: CustomerId, list: &[ReferralRecord], reason: &Reason) -> About {
    let had = list.iter().rev().find(|it| matches!(it.state, State::Converted | State::Rewarded));
    let placed = list.iter().rev().find(|it| it.placement.manager.is_some());
    About {
        referral: had.map(|it| it.id),
        customer: Some(customer),
        branch: placed.and_then(|it| it.placement.branch.clone()),
        manager: placed.and_then(|it| it.placement.manager.clone()),
        occurrence: 0,
        words: vec![("reason", reason.says(), reason.says_zh())],
    }
}

/// Whoever was nobody's gets the customer manager of their region who has the fewest open tasks.
fn placed(
    tx: &mut LedgerTx<'_>,
    programme: &Programme,
    about: About,
    region: &str,
) -> Result<About, StoreError> {
    if about.manager.is_some() {
        return Ok(about);
    }
    let managers: Vec<&RuleId> =
        programme.branch.iter().flat_map(|it| it.managers.iter().map(|it| &it.id)).collect();
    let open: HashMap<String, i64> = tasks::open_of(tx.db(), &managers)?;
    let count = |id: &RuleId| open.get(id.as_str()).copied().unwrap_or(0);
    let (branch, manager) = choose(&programme.branch, region, count);
    Ok(About {
        branch: branch.map(|it| it.id.clone()),
        manager: manager.map(|it| it.id.clone()),
        ..about
    })
}

/// No customer opened from then on has a lower id (RFC 9562, version 7).
fn earliest_id(from: Moment) -> CustomerId {
    let millis = u64::try_from(from.utc().timestamp_millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
    CustomerId::from_uuid(id)
}
