//! A task of a customer manager: who does what by when, and when the task ends by itself.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use crate::clock::Moment;
use crate::ids::{CustomerId, ReferralId, RuleId, TaskId};
use crate::partner::follow_up::{Calendar, Cause, TaskRule};
use crate::partner::lead::{Branch, Manager};
use crate::referral::ReferralState;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Opens at its time, unless the referral has moved on until then.
    Planned,
    Open,
    Done,
    Cancelled,
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    Done,
    Cancelled,
}

/// A task for a customer manager. No personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    pub rule: RuleId,
    pub cause: Cause,
    pub referral: Option<ReferralId>,
    pub customer: Option<CustomerId>,
    pub branch: Option<RuleId>,
    /// `None` where no manager could be chosen.
    pub manager: Option<RuleId>,
    pub says: String,
    pub says_zh: String,
    /// Whether the CRM gets a message for each change of this task.
    pub in_crm: bool,
    pub opens_at: Moment,
    pub due_on: NaiveDate,
    pub state: TaskState,
    pub recorded_at: Moment,
    pub closed: Option<TaskClosing>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskClosing {
    /// `staff` or `program`.
    pub by_kind: String,
    pub by: String,
    pub note: Option<String>,
    pub at: Moment,
}

/// The referral or customer that a task is about.
#[derive(Clone, Debug)]
pub struct TaskAbout {
    pub cause: Cause,
    pub referral: Option<ReferralId>,
    pub customer: Option<CustomerId>,
    pub branch: Option<RuleId>,
    pub manager: Option<RuleId>,
    /// Which occurrence of its cause it is, counted per referral or customer.
    pub occurrence: i64,
    /// What the task's sentence may name.
    pub words: Vec<TaskWord>,
}

/// A name that a task's sentence may use, and the text for it in both languages.
#[derive(Clone, Debug)]
pub struct TaskWord {
    pub name: &'static str,
    pub english: String,
    pub chinese: String,
}

/// The present moment, and the days on which people work.
#[derive(Clone, Copy, Debug)]
pub struct TaskTime<'a> {
    pub at: Moment,
    pub zone: Tz,
    pub calendar: &'a Calendar,
}

impl TaskState {
    pub const ALL: [Self; 4] = [Self::Planned, Self::Open, Self::Done, Self::Cancelled];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Open => "open",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

impl TaskEnd {
    /// The state of a task that ended so.
    #[must_use]
    pub const fn state(self) -> TaskState {
        match self {
            Self::Done => TaskState::Done,
            Self::Cancelled => TaskState::Cancelled,
        }
    }
}

impl Task {
    /// The task that a rule makes of a cause.
    #[must_use]
    pub fn of(rule: &TaskRule, about: &TaskAbout, now: TaskTime<'_>) -> Self {
        let named = |id: Option<String>| id.unwrap_or_default();
        let id = TaskId::of_name(&[
            rule.id.as_str(),
            &named(about.referral.filter(|_| rule.on != Cause::AtRisk).map(|id| id.to_string())),
            &named(about.customer.filter(|_| rule.on == Cause::AtRisk).map(|id| id.to_string())),
            &about.occurrence.to_string(),
        ]);
        let word = |name: &str, chinese: bool| {
            let found = about.words.iter().find(|word| word.name == name)?;
            Some(if chinese { found.chinese.as_str() } else { found.english.as_str() })
        };
        let opens_at = now.at.plus(TimeDelta::days(i64::from(rule.quiet_days)));
        let state = if rule.quiet_days == 0 { TaskState::Open } else { TaskState::Planned };
        Self {
            id,
            rule: rule.id.clone(),
            cause: rule.on,
            referral: about.referral,
            customer: about.customer,
            branch: about.branch.clone(),
            manager: about.manager.clone(),
            says: rule.says.fill(|name| word(name, false)).trim().to_owned(),
            says_zh: rule.says_zh.fill(|name| word(name, true)).trim().to_owned(),
            in_crm: rule.is_in_crm() && about.referral.is_some(),
            opens_at,
            due_on: now.calendar.after(opens_at.day_in(now.zone), rule.due_working_days),
            state,
            recorded_at: now.at,
            closed: None,
        }
    }
}

/// How a task of a cause ends when its referral comes to a state: done where somebody did what the
/// task was for, cancelled where nobody is to do it any more. `None` while it is still to be done.
#[must_use]
pub const fn end_of(cause: Cause, state: ReferralState) -> Option<TaskEnd> {
    match (cause, state) {
        (Cause::AtRisk, _)
        | (Cause::Qualified, ReferralState::Qualified | ReferralState::Sent)
        | (Cause::Contacted, ReferralState::Contacted) => None,
        (Cause::Qualified, ReferralState::Contacted)
        | (
            Cause::Qualified | Cause::Contacted,
            ReferralState::Converted
            | ReferralState::Rewarded
            | ReferralState::Lost
            | ReferralState::ClawedBack,
        ) => Some(TaskEnd::Done),
        (
            Cause::Qualified | Cause::Contacted,
            ReferralState::Received
            | ReferralState::NeedsConsent
            | ReferralState::Duplicate
            | ReferralState::Rejected
            | ReferralState::OnHold
            | ReferralState::Expired
            | ReferralState::Withdrawn,
        )
        | (Cause::Contacted, ReferralState::Qualified | ReferralState::Sent) => {
            Some(TaskEnd::Cancelled)
        }
    }
}

/// The branch of a region, and the one of its customer managers with the fewest open tasks. Among
/// equals the first by id is chosen.
pub fn choose<'b>(
    branches: &'b [Branch],
    region: &str,
    open: impl Fn(&RuleId) -> i64,
) -> (Option<&'b Branch>, Option<&'b Manager>) {
    let serves = |branch: &&Branch| branch.regions.iter().any(|served| served == region);
    let branch = branches.iter().find(serves);
    let managers = branch.into_iter().flat_map(|branch| &branch.managers);
    (branch, managers.min_by_key(|manager| (open(&manager.id), manager.id.clone())))
}

/// The cause that a referral's state is for tasks, if it is one.
#[must_use]
pub const fn cause_of(state: ReferralState) -> Option<Cause> {
    match state {
        ReferralState::Qualified | ReferralState::Sent => Some(Cause::Qualified),
        ReferralState::Contacted => Some(Cause::Contacted),
        ReferralState::Received
        | ReferralState::NeedsConsent
        | ReferralState::Duplicate
        | ReferralState::Rejected
        | ReferralState::OnHold
        | ReferralState::Converted
        | ReferralState::Lost
        | ReferralState::Expired
        | ReferralState::Rewarded
        | ReferralState::ClawedBack
        | ReferralState::Withdrawn => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_open_only_while_its_cause_lasts() {
        for state in ReferralState::ALL {
            for cause in [Cause::Qualified, Cause::Contacted] {
                let lasts = cause_of(state) == Some(cause);
                assert_eq!(end_of(cause, state).is_none(), lasts, "{cause:?} {state:?}");
            }
            assert_eq!(end_of(Cause::AtRisk, state), None);
        }
        assert_eq!(end_of(Cause::Qualified, ReferralState::Withdrawn), Some(TaskEnd::Cancelled));
        assert_eq!(end_of(Cause::Contacted, ReferralState::Converted), Some(TaskEnd::Done));
    }

    #[test]
    fn a_cause_makes_one_task_whenever_it_is_looked_at() {
        let rule: TaskRule = toml::from_str(
            "id = \"first-call\"\non = \"qualified\"\nquiet_days = 2\ndue_working_days = 1\n\
             says = \"{product}: {next_step}\"\nsays_zh = \"{product}\"",
        )
        .unwrap();
        let calendar = Calendar::default();
        let now = |text: &str| TaskTime {
            at: Moment::parse(text).unwrap(),
            zone: chrono_tz::Asia::Shanghai,
            calendar: &calendar,
        };
        let word = "travel-loan".to_owned();
        let about = TaskAbout {
            cause: Cause::Qualified,
            referral: Some(ReferralId::from_uuid(uuid::Uuid::from_u128(7))),
            customer: None,
            branch: None,
            manager: None,
            occurrence: 0,
            words: vec![TaskWord { name: "product", english: word.clone(), chinese: word }],
        };
        // Friday morning, so that it opens on Sunday and is due on Monday.
        let first = Task::of(&rule, &about, now("2026-11-27T02:00:00Z"));
        assert_eq!((first.says.as_str(), first.state), ("travel-loan:", TaskState::Planned));
        assert_eq!(first.due_on.to_string(), "2026-11-30");
        assert_eq!(Task::of(&rule, &about, now("2026-12-01T02:00:00Z")).id, first.id);
        let other = TaskAbout { occurrence: 2, ..about };
        assert_ne!(Task::of(&rule, &other, now("2026-12-01T02:00:00Z")).id, first.id);
    }
}
