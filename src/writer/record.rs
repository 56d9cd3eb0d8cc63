//! One transaction of the writer: which events are new, what stands, what each comes to, and the
//! writing down of it all.

use std::collections::{BTreeSet, HashMap};

use chrono_tz::Tz;

use super::draft::{Draft, Drafts};
use super::{Answers, Outcome, Submission, WriteError};
use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::event::Said;
use crate::ids::{CustomerId, EventKey, MemberKey};
use crate::ledger::Unbalanced;
use crate::partner::manifest::Enrolment as EnrolmentRule;
use crate::program::{self, CustomerStanding, Occasion, Standings};
use crate::store::customers::Enrolment;
use crate::store::events::Recorded;
use crate::store::{LedgerTx, StoreError, customers, events, transactions};

pub struct Recorder {
    pub keys: PersonalKeys,
    pub time_zone: Tz,
}

/// What came of a group.
pub struct RecordedGroup {
    pub answers: Answers,
    /// Leads that were put in line.
    pub leads: usize,
}

/// Why a group as a whole was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another gateway has recorded one of the events, or enrolled one of the members, in the
    /// meantime: look again.
    #[error("another gateway was first")]
    Raced,
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the receipt cannot be written: {0}")]
    Receipt(#[from] serde_json::Error),
}

impl RecordError {
    /// Whether the same group may be recorded when tried again.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Raced => true,
            Self::Store(error) => error.is_passing(),
            Self::Unbalanced(_) | Self::Seal(_) | Self::Receipt(_) => false,
        }
    }
}

/// What is loaded for a group before its events are decided on.
struct Loaded {
    standings: Standings,
    /// Customers opened for members seen for the first time.
    enrolments: HashMap<MemberKey, Enrolment>,
}

impl Recorder {
    /// Records a group in the transaction. Either all of its accepted events are in it, with an
    /// answer for each submission, or the transaction must be rolled back.
    pub fn record(
        &self,
        tx: &mut LedgerTx<'_>,
        group: &[Submission],
        now: Moment,
    ) -> Result<RecordedGroup, RecordError> {
        let keys: Vec<EventKey> = group
            .iter()
            .map(|it| EventKey::of(&it.partner.id, &it.event.id))
            .collect();
        let recorded = events::recorded(tx, &keys)?;
        let fresh = first_of_each(&keys, &recorded);
        let mut loaded = load(tx, group, &fresh, now)?;
        let mut drafts = Drafts::default();
        let mut refused: HashMap<usize, WriteError> = HashMap::new();
        for index in fresh.values().copied().collect::<BTreeSet<usize>>() {
            let (Some(submission), Some(key)) = (group.get(index), keys.get(index)) else {
                continue;
            };
            let occasion = self.occasion(submission, now);
            let decided = program::decide(
                &submission.event,
                &submission.partner,
                &mut loaded.standings,
                occasion,
            );
            match decided {
                Ok(decision) => {
                    drafts.push(Draft::new(
                        submission, *key, decision, occasion, &self.keys,
                    )?);
                    drafts.enrol(submission, &mut loaded.enrolments);
                }
                Err(refusal) => {
                    refused.insert(index, refusal.into());
                }
            }
        }
        drafts.write(tx, now)?;
        let answers = answers(group, &keys, &recorded, &fresh, &drafts, &refused);
        Ok(RecordedGroup {
            answers,
            leads: drafts.leads,
        })
    }

    fn occasion(&self, submission: &Submission, now: Moment) -> Occasion {
        let day = |moment: Moment| moment.utc().with_timezone(&self.time_zone).date_naive();
        let effective_at = submission.event.effective_at;
        Occasion {
            day: day(effective_at),
            today: day(now),
            effective_at,
            recorded_at: now,
        }
    }
}

/// Where each event that is not recorded yet stands first in the group.
fn first_of_each(
    keys: &[EventKey],
    recorded: &HashMap<EventKey, Recorded>,
) -> HashMap<EventKey, usize> {
    let mut fresh = HashMap::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        if !recorded.contains_key(key) {
            fresh.entry(*key).or_insert(index);
        }
    }
    fresh
}

fn load(
    tx: &mut LedgerTx<'_>,
    group: &[Submission],
    fresh: &HashMap<EventKey, usize>,
    now: Moment,
) -> Result<Loaded, RecordError> {
    let mut loaded = Loaded {
        standings: Standings::default(),
        enrolments: HashMap::new(),
    };
    let submissions = || fresh.values().filter_map(|index| group.get(*index));
    let mut held: BTreeSet<CustomerId> = load_members(tx, submissions(), now, &mut loaded)?;
    let refunded: Vec<EventKey> = submissions()
        .filter_map(|it| match &it.event.said {
            Said::Refund(refund) => Some(EventKey::of(&it.partner.id, &refund.payment)),
            Said::Payment(_) | Said::Referral(_) => None,
        })
        .collect();
    if !refunded.is_empty() {
        held.extend(transactions::payers(tx, &refunded)?);
    }
    customers::lock(tx, &held.into_iter().collect::<Vec<_>>())?;
    if !refunded.is_empty() {
        for (key, standing) in transactions::payments(tx, &refunded)? {
            loaded.standings.add_payment(key, standing);
        }
    }
    Ok(loaded)
}

/// Finds the customers behind members and opens new ones where the partner's members enrol
/// themselves. Returns those that were there already.
fn load_members<'a>(
    tx: &mut LedgerTx<'_>,
    submissions: impl Iterator<Item = &'a Submission> + Clone,
    now: Moment,
    loaded: &mut Loaded,
) -> Result<BTreeSet<CustomerId>, RecordError> {
    let named = submissions.filter_map(|it| it.event.said.member().map(|member| (it, member)));
    let keys: BTreeSet<MemberKey> = named
        .clone()
        .map(|(it, member)| MemberKey::of(&it.partner.id, member))
        .collect();
    let known = customers::of_members(tx, &keys.into_iter().collect::<Vec<_>>())?;
    for (submission, member) in named {
        let key = MemberKey::of(&submission.partner.id, member);
        let enrols = submission.partner.enrolment == EnrolmentRule::FirstEvent;
        if known.contains_key(&key) || loaded.enrolments.contains_key(&key) || !enrols {
            continue;
        }
        let customer = CustomerStanding {
            id: CustomerId::random(),
            enrolled_at: now,
        };
        loaded.standings.add_customer(key, customer);
        let partner = submission.partner.id.clone();
        loaded.enrolments.insert(
            key,
            Enrolment {
                partner,
                member: member.clone(),
                customer,
            },
        );
    }
    let held = known.values().map(|customer| customer.id).collect();
    for (key, customer) in known {
        loaded.standings.add_customer(key, customer);
    }
    Ok(held)
}

/// One answer for each submission, in their order.
fn answers(
    group: &[Submission],
    keys: &[EventKey],
    recorded: &HashMap<EventKey, Recorded>,
    fresh: &HashMap<EventKey, usize>,
    drafts: &Drafts<'_>,
    refused: &HashMap<usize, WriteError>,
) -> Answers {
    let answer = |index: usize, submission: &Submission, key: &EventKey| {
        if let Some(before) = recorded.get(key) {
            return if submission.event.fingerprint.matches(&before.fingerprint) {
                Ok(Outcome {
                    receipt: before.receipt.clone(),
                    replayed: true,
                })
            } else {
                Err(WriteError::Conflict)
            };
        }
        let first = fresh.get(key).copied().unwrap_or(index);
        let same = group.get(first).is_some_and(|it| {
            submission
                .event
                .fingerprint
                .matches(it.event.fingerprint.bytes())
        });
        if !same {
            return Err(WriteError::Conflict);
        }
        match drafts.receipt(*key) {
            Some(receipt) => Ok(Outcome {
                receipt: receipt.to_owned(),
                replayed: first != index,
            }),
            None => Err(refused.get(&first).cloned().unwrap_or(WriteError::Busy)),
        }
    };
    group
        .iter()
        .zip(keys)
        .enumerate()
        .map(|(index, (submission, key))| answer(index, submission, key))
        .collect()
}
