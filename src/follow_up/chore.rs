//! The chore that follows customers up, in bounded rounds: it closes and makes tasks after referrals
//! move, opens tasks whose time has come, and works out stages. Several gateways may run it at once:
//! each change is still written once, because a move is taken by one of them, a task's id follows
//! from its cause, and a stage is locked while it is written.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;
use tokio::sync::Notify;

use super::closing::{queue_for_crm, record};
use super::spend::{Window, facts};
use super::stage::{CustomerStage, StageReason, stage};
use super::task::{
    Task, TaskAbout, TaskClosing, TaskEnd, TaskState, TaskTime, TaskWord, cause_of, choose, end_of,
};
use crate::clock::{self, Moment};
use crate::ids::{CustomerId, ReferralId, RuleId};
use crate::partner::Registry;
use crate::partner::follow_up::{Cause, StageRules, TaskRule};
use crate::partner::programme::Programme;
use crate::referral::ReferralState;
use crate::store::customer_stages::NewStage;
use crate::store::referrals::ReferralRecord;
use crate::store::{
    LedgerTx, Pool, StoreError, contacts, customer_stages, follow_ups, referrals, tasks,
};
use crate::task::{Chore, Round, Turn};

/// The chore that follows customers up.
pub struct FollowUp {
    settings: FollowUpSettings,
    /// From where on customers may be new: a start looks at everybody.
    new_after: CustomerId,
}

/// The parts that the chore needs.
#[derive(Clone)]
pub struct FollowUpSettings {
    pub pool: Pool,
    pub registry: Arc<Registry>,
    pub time_zone: Tz,
    /// Wakes the relay after messages were queued.
    pub poked: Arc<Notify>,
}

/// Referrals, tasks or customers in one round.
const ROUND_MAX: i64 = 50;
/// New customers in one round.
const NEW_MAX: usize = 50;
/// How long a stage stands before it is worked out again, if nothing happens.
const LOOK_EVERY: TimeDelta = TimeDelta::hours(24);
/// The longest time between the making of a customer's id and its commit.
const COMMITTED_WITHIN: TimeDelta = TimeDelta::minutes(10);

impl FollowUp {
    #[must_use]
    pub const fn new(settings: FollowUpSettings) -> Self {
        Self { settings, new_after: CustomerId::from_uuid(uuid::Uuid::nil()) }
    }
}

impl Chore for FollowUp {
    type Error = StoreError;

    async fn round(&mut self, _turn: Turn) -> Result<Round, StoreError> {
        let (settings, after) = (self.settings.clone(), self.new_after);
        let done = tokio::task::spawn_blocking(move || settings.round(after, clock::now())).await;
        let Followed { count, new_after, has_more } = done.unwrap_or(Err(StoreError::Exhausted))?;
        self.new_after = new_after;
        if count > 0 {
            self.settings.poked.notify_one();
        }
        Ok(if count > 0 || has_more { Round::More } else { Round::Done })
    }
}

/// What a round came to.
struct Followed {
    count: usize,
    /// Customers with a higher id may be new.
    new_after: CustomerId,
    /// Whether customers are left to look at.
    has_more: bool,
}

/// Where a customer stands, and by what.
struct Standing {
    customer: CustomerId,
    referrals: Vec<ReferralRecord>,
    stage: CustomerStage,
    reason: StageReason,
}

/// A customer whose stage cannot be worked out.
struct Unknown {
    customer: CustomerId,
    error: StoreError,
}

impl FollowUpSettings {
    fn round(&self, new_after: CustomerId, now: Moment) -> Result<Followed, StoreError> {
        let programme = self.registry.programme();
        let moved = self.follow_moves(&programme, now)?;
        let opened = self.open_tasks(now)?;
        let Some(rules) = &programme.stage else {
            let count = moved.saturating_add(opened);
            return Ok(Followed { count, new_after, has_more: false });
        };
        let new = self.pool.with(|db| customer_stages::unstaged(db, new_after, NEW_MAX))?;
        let again = self.pool.with(|db| customer_stages::to_look_at(db, now, ROUND_MAX))?;
        let customers = new.customers.iter().chain(&again).copied();
        let standings = customers.map(|customer| {
            self.work_out(rules, customer, now).map_err(|error| Unknown { customer, error })
        });
        self.keep(&programme, standings.collect(), now)?;
        let has_more = new.looked_to.is_some();
        let new_after = new.looked_to.unwrap_or_else(|| earliest_id(now.minus(COMMITTED_WITHIN)));
        let found = [opened, new.customers.len(), again.len()];
        let count = found.into_iter().fold(moved, usize::saturating_add);
        Ok(Followed { count, new_after, has_more })
    }

    /// Closes and makes tasks after referrals moved.
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
            if let Some(end) = end_of(task.cause, state) {
                // A task that had not begun cannot have been done.
                let is_planned = task.state == TaskState::Planned;
                let end = if is_planned { TaskEnd::Cancelled } else { end };
                let why = format!("The referral is {}.", state.name());
                record(tx, task.id, end, &by_program(why, now))?;
            }
        }
        if let Some(cause) = cause_of(state) {
            self.make(tx, programme, &about_referral(referral, cause), now)?;
        }
        if let Some(customer) = referral.customer {
            customer_stages::look_again(tx, customer, now)?;
        }
        Ok(())
    }

    /// Makes the tasks that the programme has for a cause.
    fn make(
        &self,
        tx: &mut LedgerTx<'_>,
        programme: &Programme,
        about: &TaskAbout,
        at: Moment,
    ) -> Result<(), StoreError> {
        let now = TaskTime { at, zone: self.time_zone, calendar: &programme.calendar };
        let rules = programme.task.iter().filter(|rule: &&TaskRule| rule.on == about.cause);
        for rule in rules {
            let task = Task::of(rule, about, now);
            if tasks::insert(tx, &task)? && task.state == TaskState::Open {
                queue_for_crm(tx, &task, at)?;
            }
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
                    if let Some(opened) = tasks::open(tx, *task)? {
                        queue_for_crm(tx, &opened, now)?;
                    }
                }
                Ok::<_, StoreError>(())
            })
        })?;
        Ok(found.len())
    }

    /// Where a customer stands now.
    fn work_out(
        &self,
        rules: &StageRules,
        customer: CustomerId,
        now: Moment,
    ) -> Result<Standing, StoreError> {
        let (referrals, facts) = self.pool.with(|db| {
            let list = referrals::of_customer(db, customer)?;
            let window = Window { rules, zone: self.time_zone, now };
            let facts = facts(db, customer, &list, window)?;
            Ok::<_, StoreError>((list, facts))
        })?;
        let (stage, reason) = stage(rules, &facts).map_err(|_range| StoreError::OutOfRange)?;
        Ok(Standing { customer, referrals, stage, reason })
    }

    /// Keeps where customers stand, and what that makes of tasks, in one transaction. A customer
    /// whose stage cannot be worked out is tried again another day, and delays nobody else.
    fn keep(
        &self,
        programme: &Programme,
        list: Vec<Result<Standing, Unknown>>,
        now: Moment,
    ) -> Result<(), StoreError> {
        if list.is_empty() {
            return Ok(());
        }
        self.pool.with(|db| {
            db.write(|tx| {
                for standing in &list {
                    match standing {
                        Ok(standing) => self.keep_one(tx, programme, standing, now)?,
                        Err(Unknown { customer, error }) => {
                            tracing::warn!(%error, "the stage of a customer cannot be worked out");
                            customer_stages::postpone(tx, *customer, now.plus(LOOK_EVERY))?;
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
        standing: &Standing,
        now: Moment,
    ) -> Result<(), StoreError> {
        let Standing { customer, stage, reason, .. } = standing;
        let new = NewStage {
            customer: *customer,
            stage: *stage,
            reason,
            moved_at: now,
            look_at: now.plus(LOOK_EVERY),
        };
        let moved = customer_stages::put(tx, &new)?;
        // Nobody is called who did not agree to be.
        let region = contacts::region(tx.db(), *customer)?;
        if *stage != CustomerStage::AtRisk || region.is_none() {
            let why = match &region {
                None => "The customer does not agree to be contacted.".to_owned(),
                Some(_region) => reason.says(),
            };
            for task in tasks::of_customer_at_risk(tx.db(), *customer)? {
                let closing = by_program(why.clone(), now);
                record(tx, task.id, TaskEnd::Cancelled, &closing)?;
            }
        }
        if let (CustomerStage::AtRisk, Some(seq), Some(region)) = (stage, moved, region) {
            let about = TaskAbout { occurrence: seq, ..about_customer(standing) };
            let about = placed(tx, programme, about, &region)?;
            self.make(tx, programme, &about, now)?;
        }
        Ok(())
    }
}

fn by_program(note: String, at: Moment) -> TaskClosing {
    let (by_kind, by) = ("program".to_owned(), "follow-up".to_owned());
    TaskClosing { by_kind, by, note: Some(note), at }
}

fn about_referral(referral: &ReferralRecord, cause: Cause) -> TaskAbout {
    let next_step = referral.placement.next_step.clone().unwrap_or_default();
    let word =
        |name, text: &str| TaskWord { name, english: text.to_owned(), chinese: text.to_owned() };
    TaskAbout {
        cause,
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

/// The manager who had the customer last, and the referral by which the CRM knows them.
fn about_customer(standing: &Standing) -> TaskAbout {
    let Standing { customer, referrals, reason, .. } = standing;
    let has_product = |referral: &&ReferralRecord| {
        matches!(referral.state, ReferralState::Converted | ReferralState::Rewarded)
    };
    let had = referrals.iter().rev().find(has_product);
    let placed = referrals.iter().rev().find(|referral| referral.placement.manager.is_some());
    TaskAbout {
        cause: Cause::AtRisk,
        referral: had.map(|referral| referral.id),
        customer: Some(*customer),
        branch: placed.and_then(|referral| referral.placement.branch.clone()),
        manager: placed.and_then(|referral| referral.placement.manager.clone()),
        occurrence: 0,
        words: vec![TaskWord { name: "reason", english: reason.says(), chinese: reason.says_zh() }],
    }
}

/// Chooses a manager where the customer has none: the one of their region with the fewest open tasks.
fn placed(
    tx: &mut LedgerTx<'_>,
    programme: &Programme,
    about: TaskAbout,
    region: &str,
) -> Result<TaskAbout, StoreError> {
    if about.manager.is_some() {
        return Ok(about);
    }
    let managers: Vec<&RuleId> = programme
        .branch
        .iter()
        .flat_map(|branch| branch.managers.iter().map(|manager| &manager.id))
        .collect();
    let open: HashMap<String, i64> = tasks::open_of(tx.db(), &managers)?;
    let count = |id: &RuleId| open.get(id.as_str()).copied().unwrap_or(0);
    let (branch, manager) = choose(&programme.branch, region, count);
    Ok(TaskAbout {
        branch: branch.map(|branch| branch.id.clone()),
        manager: manager.map(|manager| manager.id.clone()),
        ..about
    })
}

/// No customer opened from then on has a lower id (RFC 9562, version 7).
fn earliest_id(from: Moment) -> CustomerId {
    let millis = u64::try_from(from.utc().timestamp_millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
    CustomerId::from_uuid(id)
}
