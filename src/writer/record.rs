//! One transaction of the writer: which events are new, what stands, what each comes to, and the
//! writing down of it all.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono_tz::Tz;

use super::advance::MoveRefusal;
use super::draft::{Draft, Drafts};
use super::group::{Group, Undrafted};
use super::load::{load, load_lots};
use super::{Answers, Submission, introduce};
use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::ids::{CustomerId, EventKey, PartnerId};
use crate::ledger::Unbalanced;
use crate::partner::Registry;
use crate::partner::test_clock::TestClocks;
use crate::program::{self, CorrectionRefusal, Lots, Occasion, Refusal};
use crate::referral::IllegalMove;
use crate::store::{
    LedgerTx, StoreError, customers, daily_events, duplicates, holds, lots, test_clocks,
};
use crate::trace_parent::TraceParent;

/// What the new events of a group come to.
struct Drafted<'a> {
    drafts: Drafts<'a>,
    undrafted: Undrafted,
    /// How many of them are from each partner with a daily cap.
    counted: Vec<(PartnerId, i64)>,
}

/// A new event of a group: its place in the group, its key, and it.
type Fresh<'a> = (usize, EventKey, Cow<'a, Submission>);

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
    #[error(transparent)]
    Move(#[from] MoveRefusal),
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
            | Self::Move(_)
            | Self::Receipt(_) => false,
        }
    }
}

impl Recorder {
    /// What time it is for the partners of these submissions.
    fn clocks(
        &self,
        tx: &mut LedgerTx<'_>,
        submissions: &[Submission],
        now: Moment,
    ) -> Result<TestClocks, StoreError> {
        let on_trial = |it: &Submission| it.partner.status.is_trial();
        if !submissions.iter().any(on_trial) {
            return Ok(TestClocks::real(now));
        }
        test_clocks::load(tx.db(), now, |id| {
            submissions.iter().any(|it| on_trial(it) && it.partner.id == *id)
        })
    }

    /// Records a group in the transaction. Either all of its accepted events are in it, with an
    /// answer for each submission, or the transaction must be rolled back.
    pub fn record(
        &self,
        tx: &mut LedgerTx<'_>,
        (submissions, traces): (&[Submission], &[Option<TraceParent>]),
        now: Moment,
    ) -> Result<RecordedGroup, RecordError> {
        let clocks = self.clocks(tx, submissions, now)?;
        let mut group = Group::find(tx, submissions, traces)?;
        loop {
            let fresh: Vec<Fresh<'_>> = group.fresh().collect();
            let Drafted { mut drafts, undrafted, counted } =
                self.draft(tx, &group, &fresh, &clocks)?;
            // Rarely: an event refers to another by an id that the other has got anew.
            if group.find_aliases(tx, &undrafted)? {
                continue;
            }
            drafts.write(tx, now)?;
            for (partner, events) in counted {
                let today = clocks.now_of(&partner).day_in(self.time_zone);
                daily_events::add(tx, &partner, today, events)?;
            }
            let duplicates = undrafted.new_duplicates(&group);
            if duplicates::insert(tx, &duplicates, now)? < duplicates.len() {
                return Err(RecordError::Raced);
            }
            let answers = group.answers(&drafts, &undrafted);
            return Ok(RecordedGroup { answers, leads: drafts.leads });
        }
    }

    /// Decides on the new events, one after the other.
    fn draft<'f>(
        &self,
        tx: &mut LedgerTx<'_>,
        group: &Group<'_>,
        fresh: &'f [Fresh<'_>],
        clocks: &TestClocks,
    ) -> Result<Drafted<'f>, RecordError> {
        let mut drafts = Drafts::with_capacity(fresh.len());
        let mut undrafted = Undrafted::default();
        let mut unheard = Vec::with_capacity(fresh.len());
        for (index, key, submission) in fresh {
            if !group.is_taken(tx, (*key, &submission.event), &mut undrafted)? {
                unheard.push((*index, *key, submission.as_ref()));
            }
        }
        let named = unheard.iter().map(|(_index, _key, submission)| *submission);
        let capped = lock_caps(tx, named.clone(), clocks, self.time_zone)?;
        let mut loaded = load(tx, named.clone(), self.time_zone, clocks)?;
        let at = clocks.now();
        introduce::load(tx, named, (&self.keys, self.time_zone), at, &mut loaded.standings)?;
        capped.iter().for_each(|(id, recorded)| loaded.standings.add_recorded_today(id, *recorded));
        for (index, key, submission) in unheard {
            let (event, partner) = (&submission.event, &submission.partner);
            if group.is_taken(tx, (key, event), &mut undrafted)? {
                continue;
            }
            let now = clocks.now_of(&partner.id);
            let occasion = Occasion::new(event.effective_at, now, self.time_zone);
            // Decided on at the time of the partner's clock, and recorded at ours.
            let recorded = Occasion { recorded_at: clocks.now(), ..occasion };
            match program::decide(event, partner, &mut loaded.standings, occasion) {
                Ok(decision) => {
                    let mut draft = Draft::new(submission, key, decision, recorded, &self.keys)?;
                    draft.set_trace(group.trace(index));
                    drafts.push(draft);
                    drafts.enrol(submission, &mut loaded.enrolments);
                    undrafted.take(event, index);
                }
                Err(refusal) => {
                    undrafted.refused.insert(key, refusal.into());
                }
            }
        }
        let added = |(id, recorded): (&PartnerId, &i64)| {
            (id.clone(), recorded.saturating_sub(capped.get(id).copied().unwrap_or(0)))
        };
        let counted = loaded.standings.recorded_today().iter().map(added).collect();
        Ok(Drafted { drafts, undrafted, counted })
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
        let clocks = test_clocks::load(tx.db(), now, |id| self.registry.is_trial(id))?;
        let earned_at = match clocks.ahead().next() {
            None => HashMap::new(),
            Some(_ahead) => lots::partners(tx.db(), &held)?,
        };
        let now_of = |lot| earned_at.get(&lot).map_or(now, |partner| clocks.now_of(partner));
        let holds = holds::timed_out_of(tx.db(), &held, &clocks)?;
        let mut drafts = Drafts::default();
        for (key, hold) in holds {
            let fallen = program::time_out(key, &hold, &mut standing)?;
            drafts.push(Draft::of_due(fallen, now)?);
        }
        for customer in held {
            for fallen in program::fall_due(customer, &mut standing, now_of)? {
                drafts.push(Draft::of_due(fallen, now)?);
            }
        }
        drafts.write(tx, now)?;
        Ok(drafts.len())
    }
}

impl From<IllegalMove> for RecordError {
    fn from(illegal: IllegalMove) -> Self {
        Self::Move(illegal.into())
    }
}

/// The counts of the partners with a cap that new events are from, locked in the order of their
/// ids and before all else.
fn lock_caps<'a>(
    tx: &mut LedgerTx<'_>,
    fresh: impl Iterator<Item = &'a Submission>,
    clocks: &TestClocks,
    zone: Tz,
) -> Result<BTreeMap<PartnerId, i64>, StoreError> {
    let capped = fresh.filter(|it| it.partner.access.events_per_day.is_some());
    let partners: BTreeSet<&PartnerId> = capped.map(|it| &it.partner.id).collect();
    let count = |id: &PartnerId| {
        let today = clocks.now_of(id).day_in(zone);
        Ok((id.clone(), daily_events::lock(tx, id, today)?))
    };
    partners.into_iter().map(count).collect()
}
