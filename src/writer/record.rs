//! One transaction of the writer: which events are new, what stands, what each comes to, and the
//! writing down of it all.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::draft::{Draft, Drafts};
use super::error::RecordError;
use super::group::{Group, Undrafted};
use super::load::load;
use super::work::Work;
use super::{Answers, Submission, introduce};
use crate::ids::{EventKey, PartnerId};
use crate::partner::test_clock::TestClocks;
use crate::program::{self, Occasion};
use crate::store::{LedgerTx, StoreError, daily_events, duplicates, test_clocks};
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

impl Work<'_> {
    /// What time it is for the partners of these submissions.
    fn clocks(&mut self, submissions: &[Submission]) -> Result<TestClocks, StoreError> {
        let now = self.now;
        let on_trial = |it: &Submission| it.partner.status.is_trial();
        if !submissions.iter().any(on_trial) {
            return Ok(TestClocks::real(now));
        }
        test_clocks::load(self.tx.db(), now, |id| {
            submissions.iter().any(|it| on_trial(it) && it.partner.id == *id)
        })
    }

    /// Records a group in the transaction. Either all of its accepted events are in it, with an
    /// answer for each submission, or the transaction must be rolled back.
    pub fn record(
        &mut self,
        submissions: &[Submission],
        traces: &[Option<TraceParent>],
    ) -> Result<Answers, RecordError> {
        let clocks = self.clocks(submissions)?;
        let now = self.now;
        let mut group = Group::find(&mut self.tx, submissions, traces)?;
        loop {
            let fresh: Vec<Fresh<'_>> = group.fresh().collect();
            let Drafted { mut drafts, undrafted, counted } = self.draft(&group, &fresh, &clocks)?;
            // Rarely: an event refers to another by an id that the other has got anew.
            if group.find_aliases(&mut self.tx, &undrafted)? {
                continue;
            }
            drafts.write(&mut self.tx, now)?;
            for (partner, events) in counted {
                let today = clocks.now_of(&partner).day_in(self.bank.time_zone);
                daily_events::add(&mut self.tx, &partner, today, events)?;
            }
            let duplicates = undrafted.new_duplicates(&group);
            if duplicates::insert(&mut self.tx, &duplicates, now)? < duplicates.len() {
                return Err(RecordError::Raced);
            }
            if drafts.leads > 0 {
                self.wake_relay();
            }
            return Ok(group.answers(&drafts, &undrafted));
        }
    }

    /// Decides on the new events, one after the other.
    fn draft<'f>(
        &mut self,
        group: &Group<'_>,
        fresh: &'f [Fresh<'_>],
        clocks: &TestClocks,
    ) -> Result<Drafted<'f>, RecordError> {
        let (bank, person, tx) = (self.bank, self.person, &mut self.tx);
        let mut drafts = Drafts::with_capacity(fresh.len());
        let mut undrafted = Undrafted::default();
        let mut unheard = Vec::with_capacity(fresh.len());
        for (index, key, submission) in fresh {
            if !group.is_taken(tx, (*key, &submission.event), &mut undrafted)? {
                unheard.push((*index, *key, submission.as_ref()));
            }
        }
        let named = unheard.iter().map(|(_index, _key, submission)| *submission);
        let capped = lock_caps(tx, named.clone(), clocks, bank.time_zone)?;
        let mut loaded = load(tx, named.clone(), bank.time_zone, clocks)?;
        let at = clocks.now();
        introduce::load(tx, named, (&bank.keys, bank.time_zone), at, &mut loaded.standings)?;
        capped.iter().for_each(|(id, recorded)| loaded.standings.add_recorded_today(id, *recorded));
        for (index, key, submission) in unheard {
            let (event, partner) = (&submission.event, &submission.partner);
            if group.is_taken(tx, (key, event), &mut undrafted)? {
                continue;
            }
            let now = clocks.now_of(&partner.id);
            let occasion = Occasion::new(event.effective_at, now, bank.time_zone);
            // Decided on at the time of the partner's clock, and recorded at ours.
            let recorded = Occasion { recorded_at: clocks.now(), ..occasion };
            match program::decide(event, partner, &mut loaded.standings, occasion) {
                Ok(decision) => {
                    let mut draft = Draft::new(submission, key, decision, recorded, &bank.keys)?;
                    draft.set_trace(group.trace(index));
                    draft.set_person(person);
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
