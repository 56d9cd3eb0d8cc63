//! One transaction of the writer: which events are new, what stands, what each comes to, and the
//! writing down of it all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::draft::{Draft, Drafts};
use super::load::{load, load_lots};
use super::{Answers, Outcome, Submission, WriteError};
use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::ids::{CustomerId, EventKey, PartnerId};
use crate::ledger::Unbalanced;
use crate::partner::Registry;
use crate::program::{self, CorrectionRefusal, Lots, Occasion, Refusal};
use crate::store::events::Recorded;
use crate::store::{LedgerTx, StoreError, customers, daily_events, events, holds, lots};

pub struct Recorder {
    pub keys: PersonalKeys,
    pub time_zone: Tz,
    pub registry: Arc<Registry>,
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
    /// What fell due cannot be decided on: an amount is out of range.
    #[error(transparent)]
    Due(#[from] Refusal),
    #[error(transparent)]
    Correction(#[from] CorrectionRefusal),
    #[error("the receipt cannot be written: {0}")]
    Receipt(#[from] serde_json::Error),
}

impl RecordError {
    /// Whether the same group may be recorded when tried again.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Raced => true,
            Self::Store(error) => error.is_passing(),
            Self::Unbalanced(_)
            | Self::Seal(_)
            | Self::Due(_)
            | Self::Correction(_)
            | Self::Receipt(_) => false,
        }
    }
}

impl Recorder {
    /// Records a group in the transaction. Either all of its accepted events are in it, with an
    /// answer for each submission, or the transaction must be rolled back.
    pub fn record(
        &self,
        tx: &mut LedgerTx<'_>,
        submissions: &[Submission],
        now: Moment,
    ) -> Result<RecordedGroup, RecordError> {
        let group = Group::find(tx, submissions)?;
        let fresh = group.fresh().map(|(_key, submission)| submission);
        let today = now.day_in(self.time_zone);
        let capped = lock_caps(tx, fresh.clone(), today)?;
        let mut loaded = load(tx, fresh, self.time_zone, now)?;
        capped.iter().for_each(|(id, recorded)| loaded.standings.add_recorded_today(id, *recorded));
        let mut drafts = Drafts::default();
        let mut refused: HashMap<EventKey, WriteError> = HashMap::new();
        for (key, submission) in group.fresh() {
            let (event, partner) = (&submission.event, &submission.partner);
            let occasion = Occasion::new(event.effective_at, now, self.time_zone);
            match program::decide(event, partner, &mut loaded.standings, occasion) {
                Ok(decision) => {
                    drafts.push(Draft::new(submission, key, decision, occasion, &self.keys)?);
                    drafts.enrol(submission, &mut loaded.enrolments);
                }
                Err(refusal) => {
                    refused.insert(key, refusal.into());
                }
            }
        }
        drafts.write(tx, now)?;
        for (partner, recorded) in loaded.standings.recorded_today() {
            let before = capped.get(partner).copied().unwrap_or(0);
            daily_events::add(tx, partner, today, recorded.saturating_sub(before))?;
        }
        Ok(RecordedGroup { answers: group.answers(&drafts, &refused), leads: drafts.leads })
    }

    /// Records what has fallen due for these customers: points that matured or expired. Returns
    /// the number of transactions; none where another gateway was first.
    pub fn record_due(
        &self,
        tx: &mut LedgerTx<'_>,
        customers: &[CustomerId],
        now: Moment,
    ) -> Result<usize, RecordError> {
        let held: BTreeSet<CustomerId> = customers.iter().copied().collect();
        let held: Vec<CustomerId> = held.into_iter().collect();
        customers::lock(tx, &held)?;
        let mut standing = Lots::default();
        load_lots(tx, &held, &[], &mut standing)?;
        for (customer, owed) in lots::owed(tx.db(), &held)? {
            standing.add_owed(customer, owed);
        }
        let holds = holds::timed_out_of(tx.db(), &held, now)?;
        let mut drafts = Drafts::default();
        for (key, hold) in holds {
            let fallen = program::time_out(key, &hold, &mut standing)?;
            drafts.push(Draft::of_due(fallen, now)?);
        }
        for customer in held {
            for fallen in program::fall_due(customer, &mut standing, now)? {
                drafts.push(Draft::of_due(fallen, now)?);
            }
        }
        drafts.write(tx, now)?;
        Ok(drafts.len())
    }
}

/// The counts of the partners with a cap that new events are from, locked in the order of their
/// ids and before all else.
fn lock_caps<'a>(
    tx: &mut LedgerTx<'_>,
    fresh: impl Iterator<Item = &'a Submission>,
    today: NaiveDate,
) -> Result<BTreeMap<PartnerId, i64>, StoreError> {
    let capped = fresh.filter(|it| it.partner.access.events_per_day.is_some());
    let partners: BTreeSet<&PartnerId> = capped.map(|it| &it.partner.id).collect();
    let count = |id: &PartnerId| Ok((id.clone(), daily_events::lock(tx, id, today)?));
    partners.into_iter().map(count).collect()
}

/// A group's events, and which of them are new.
struct Group<'a> {
    submissions: &'a [Submission],
    keys: Vec<EventKey>,
    recorded: HashMap<EventKey, Recorded>,
    /// Where each new event stands first.
    first: HashMap<EventKey, usize>,
}

impl<'a> Group<'a> {
    fn find(tx: &mut LedgerTx<'_>, submissions: &'a [Submission]) -> Result<Self, StoreError> {
        let key = |it: &Submission| EventKey::of(&it.partner.id, &it.event.id);
        let keys: Vec<EventKey> = submissions.iter().map(key).collect();
        let recorded = events::recorded(tx, &keys)?;
        let mut first = HashMap::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            if !recorded.contains_key(key) {
                first.entry(*key).or_insert(index);
            }
        }
        Ok(Self { submissions, keys, recorded, first })
    }

    /// New events in the order in which they were handed in.
    fn fresh(&self) -> impl Iterator<Item = (EventKey, &'a Submission)> + Clone {
        let placed = self.keys.iter().copied().zip(self.submissions).enumerate();
        placed
            .filter(|(index, (key, _))| self.first.get(key) == Some(index))
            .map(|(_index, fresh)| fresh)
    }

    /// One answer for each submission, in their order.
    fn answers(&self, drafts: &Drafts<'_>, refused: &HashMap<EventKey, WriteError>) -> Answers {
        let placed = self.submissions.iter().zip(&self.keys).enumerate();
        placed
            .map(|(index, (submission, key))| {
                let fingerprint = &submission.event.fingerprint;
                if let Some(before) = self.recorded.get(key) {
                    return if fingerprint.matches(&before.fingerprint) {
                        Ok(Outcome { receipt: before.receipt.clone(), replayed: true })
                    } else {
                        Err(WriteError::Conflict)
                    };
                }
                let first = self.first.get(key).copied().unwrap_or(index);
                let twin = self.submissions.get(first);
                if !twin.is_some_and(|it| fingerprint.matches(it.event.fingerprint.bytes())) {
                    return Err(WriteError::Conflict);
                }
                match drafts.receipt(*key) {
                    Some(receipt) => {
                        Ok(Outcome { receipt: receipt.to_owned(), replayed: first != index })
                    }
                    None => Err(refused.get(key).cloned().unwrap_or(WriteError::Busy)),
                }
            })
            .collect()
    }
}
