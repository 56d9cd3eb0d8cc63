//! What a customer manager is to do: who, what, by when, and when it is over by itself.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use crate::clock::Moment;
use crate::ids::{CustomerId, ReferralId, RuleId, TaskId};
use crate::partner::follow_up::{Calendar, Cause, TaskRule};
use crate::partner::lead::{Branch, Manager};
use crate::referral::State;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It opens at its time, unless things have moved on until then.
    Planned,
    Open,
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
    /// Whose it is; nobody's where none could be chosen.
    pub manager: Option<RuleId>,
    pub says: String,
    pub says_zh: String,
    /// Whether the CRM is told by a message of its own.
    pub in_crm: bool,
    pub opens_at: Moment,
    pub due_on: NaiveDate,
    pub state: TaskState,
    pub recorded_at: Moment,
    pub closed: Option<Closed>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// `staff` or `program`.
    pub by_kind: String,
    pub by: String,
    pub note: Option<String>,
    pub at: Moment,
}

/// Whom and what a task is about.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub referral: Option<ReferralId>,
    pub customer: Option<CustomerId>,
    pub branch: Option<RuleId>,
    pub manager: Option<RuleId>,
    /// Which occurrence of its cause it is, with referral or customer.
    pub occurrence: i64,
    /// What its sentence may name, in English and in Chinese.
    pub words: Vec<(&'static str, String, String)>,
}

/// When it is, and on which days people work.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
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

impl Task {
    /// The task that a rule makes of a cause.
    #[must_use]
    pub fn of(rule: &TaskRule, about: &About, now: Now<'_>) -> Self {
        let named = |id: Option<String>| id.unwrap_or_default();
        let id = TaskId::of_name(&[
            rule.id.as_str(),
            &named(about.referral.filter(|_| rule.on != Cause::AtRisk).map(|id| id.to_string())),
            &named(about.customer.filter(|_| rule.on == Cause::AtRisk).map(|id| id.to_string())),
            &about.occurrence.to_string(),
        ]);
        let word = |name: &str, chinese: bool| {
            let found = about.words.iter().find(|(known, ..)| *known == name)?;
            Some(if chinese { found.2.as_str() } else { found.1.as_str() })
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

/// What a referral that has come to a state makes of its tasks: done where somebody did what they
/// were for, cancelled where nobody is to do it any more, nothing where they still are to be done.
#[must_use]
pub const fn closing(cause: Cause, state: State) -> Option<TaskState> {
    match (cause, state) {
        (Cause::AtRisk, _)
        | (Cause::Qualified, State::Qualified | State::Sent)
        | (Cause::Contacted, State::Contacted) => None,
        (Cause::Qualified, State::Contacted)
        | (
            Cause::Qualified | Cause::Contacted,
            State::Converted | State::Rewarded | State::Lost | State::ClawedBack,
        ) => Some(TaskState::Done),
        (
            Cause::Qualified | Cause::Contacted,
            State::Received
            | State::NeedsConsent
            | State::Duplicate
            | State::Rejected
            | State::OnHold
            | State::Expired
            | State::Withdrawn,
        )
        | (Cause::Contacted, State::Qualified | State::Sent) => Some(TaskState::Cancelled),
    }
}

/// The branch of a region, and of its customer managers the one with the fewest open tasks: of
/// equals the first by id.
pub fn choose<'b>(
    branches: &'b [Branch],
    region: &str,
    open: impl Fn(&RuleId) -> i64,
) -> (Option<&'b Branch>, Option<&'b Manager>) {
    let branch = branches.iter().find(|it| it.regions.iter().any(|served| served == region));
    let managers = branch.into_iter().flat_map(|branch| &branch.managers);
    (branch, managers.min_by_key(|it| (open(&it.id), it.id.clone())))
}

/// Which cause a referral's state is, if it is one.
#[must_use]
pub const fn cause_of(state: State) -> Option<Cause> {
    match state {
        State::Qualified | State::Sent => Some(Cause::Qualified),
        State::Contacted => Some(Cause::Contacted),
        State::Received
        | State::NeedsConsent
        | State::Duplicate
        | State::Rejected
        | State::OnHold
        | State::Converted
        | State::Lost
        | State::Expired
        | State::Rewarded
        | State::ClawedBack
        | State::Withdrawn => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_open_only_while_its_cause_lasts() {
        for state in State::ALL {
            for cause in [Cause::Qualified, Cause::Contacted] {
                let lasts = cause_of(state) == Some(cause);
                assert_eq!(closing(cause, state).is_none(), lasts, "{cause:?} {state:?}");
            }
            assert_eq!(closing(Cause::AtRisk, state), None);
        }
        assert_eq!(closing(Cause::Qualified, State::Withdrawn), Some(TaskState::Cancelled));
        assert_eq!(closing(Cause::Contacted, State::Converted), Some(TaskState::Done));
    }

    #[test]
    fn a_cause_makes_one_task_whenever_it_is_looked_at() {
        let rule: TaskRule = toml::from_str(
            "id = \"first-call\"\non = \"qualified\"\nquiet_days = 2\ndue_working_days = 1\n\
             says = \"{product}: {next_step}\"\nsays_zh = \"{product}\"",
        )
        .unwrap();
        let calendar = Calendar::default();
        let now = |text: &str| Now {
            at: Moment::parse(text).unwrap(),
            zone: chrono_tz::Asia::Shanghai,
            calendar: &calendar,
        };
        let word = "travel-loan".to_owned();
        let about = About {
            referral: Some(ReferralId::from_uuid(uuid::Uuid::from_u128(7))),
            words: vec![("product", word.clone(), word)],
            ..About::default()
        };
        // Friday morning, so that it opens on Sunday and is due on Monday.
        let first = Task::of(&rule, &about, now("2026-11-27T02:00:00Z"));
        assert_eq!((first.says.as_str(), first.state), ("travel-loan:", TaskState::Planned));
        assert_eq!(first.due_on.to_string(), "2026-11-30");
        assert_eq!(Task::of(&rule, &about, now("2026-12-01T02:00:00Z")).id, first.id);
        let other = About { occurrence: 2, ..about };
        assert_ne!(Task::of(&rule, &other, now("2026-12-01T02:00:00Z")).id, first.id);
    }
}
