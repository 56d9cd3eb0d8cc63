//! Events in one transaction: which of them are new, what stands, what each comes to, and the writing
//! down of it all.

use super::draft::{Draft, Drafts};
use super::error::RecordError;
use super::group::{FreshEvent, Group, Undrafted};
use super::load::{self, Loaded};
use super::tell;
use super::work::Work;
use super::{Answers, Submission};
use crate::ids::{CodeKey, PartnerId};
use crate::partner::test_clock::TestClocks;
use crate::program::{self, ConductPeriod, Occasion, Tally};
use crate::store::{StoreError, codes, conduct, daily_events, duplicates, test_clocks};
use crate::trace_parent::TraceParent;

/// What the new events of a group come to.
struct Drafted<'a> {
    drafts: Drafts<'a>,
    undrafted: Undrafted,
    /// How many of them are from each partner with a daily cap.
    counted: Vec<(PartnerId, i64)>,
    /// The counts of partners' payments that change.
    conduct: Vec<(ConductPeriod, Tally)>,
    /// Codes with which a hold was refused, and how often by now.
    refused_codes: Vec<(CodeKey, u32)>,
}

/// Who finds the event that would take a balance out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeCheck {
    /// The database, which refuses the whole group.
    ByDatabase,
    /// The writer, which refuses that event alone. It reads every balance that the group touches.
    Beforehand,
}

impl Work<'_> {
    /// Records a group in the transaction. Either all of its accepted events are in it, with an
    /// answer for each submission, or the transaction must be rolled back. `traces` are as many as
    /// the submissions, or none.
    pub(super) fn record(
        &mut self,
        submissions: &[Submission],
        traces: &[Option<TraceParent>],
    ) -> Result<Answers, RecordError> {
        self.record_group(submissions, traces, RangeCheck::ByDatabase)
    }

    /// The same for a group that the database has refused because a balance would leave its range:
    /// only the events that would do that are refused.
    pub(super) fn record_within_range(
        &mut self,
        submissions: &[Submission],
        traces: &[Option<TraceParent>],
    ) -> Result<Answers, RecordError> {
        self.record_group(submissions, traces, RangeCheck::Beforehand)
    }

    fn record_group(
        &mut self,
        submissions: &[Submission],
        traces: &[Option<TraceParent>],
        check: RangeCheck,
    ) -> Result<Answers, RecordError> {
        let clocks = self.clocks(submissions)?;
        let now = self.now;
        let mut group = Group::find(&mut self.tx, submissions, traces)?;
        loop {
            let fresh: Vec<FreshEvent<'_>> = group.fresh().collect();
            let Drafted { mut drafts, undrafted, counted, conduct, refused_codes } =
                self.draft(&group, &fresh, &clocks)?;
            // Rarely: an event refers to another by an id that the other has got anew.
            if group.find_aliases(&mut self.tx, &undrafted)? {
                continue;
            }
            if check == RangeCheck::Beforehand {
                let beyond = drafts.beyond_range(&mut self.tx)?;
                if !beyond.is_empty() {
                    // Later events were decided on as if these stood: all are decided on again.
                    group.refuse(beyond);
                    continue;
                }
            }
            drafts.whole_requests = group.whole_requests(&drafts);
            drafts.write(&mut self.tx, now)?;
            for (partner, events) in counted {
                let today = clocks.now_of(&partner).day_in(self.bank.time_zone);
                daily_events::add(&mut self.tx, &partner, today, events)?;
            }
            conduct::save(&mut self.tx, &conduct)?;
            let told = tell::of_redemptions(&mut self.tx, &drafts, self.bank, now)?;
            self.alarm_of_held(&drafts)?;
            for (code, refusals) in refused_codes {
                codes::set_refusals(&mut self.tx, code, refusals)?;
            }
            let duplicates = undrafted.new_duplicates(&group);
            if duplicates::insert(&mut self.tx, &duplicates, now)? < duplicates.len() {
                return Err(RecordError::Raced);
            }
            if drafts.leads > 0 || told > 0 {
                self.wake_relay();
            }
            return Ok(group.answers(&drafts, &undrafted));
        }
    }

    /// The times by the clocks of the partners of these submissions.
    fn clocks(&mut self, submissions: &[Submission]) -> Result<TestClocks, StoreError> {
        let now = self.now;
        let partners = || submissions.iter().map(|submission| &submission.partner);
        if !partners().any(|partner| partner.status.is_trial()) {
            return Ok(TestClocks::real(now));
        }
        test_clocks::load(self.tx.db(), now, |id| {
            partners().any(|partner| partner.status.is_trial() && partner.id == *id)
        })
    }

    /// Decides on the new events, one after the other.
    fn draft<'f>(
        &mut self,
        group: &Group<'_>,
        fresh: &'f [FreshEvent<'_>],
        clocks: &TestClocks,
    ) -> Result<Drafted<'f>, RecordError> {
        let (bank, person, tx) = (self.bank, self.person, &mut self.tx);
        let submissions: Vec<&Submission> =
            fresh.iter().map(|event| event.submission.as_ref()).collect();
        let Loaded { mut standings, mut enrolments } =
            load::for_events(tx, &submissions, bank, clocks)?;
        let recorded_before = standings.recorded_today().clone();
        let mut drafts = Drafts::with_capacity(fresh.len());
        let mut undrafted = Undrafted::default();
        for FreshEvent { index, key, submission } in fresh {
            let (event, partner) = (&submission.event, &submission.partner);
            if let Some(error) = group.refusal(*key) {
                undrafted.refused.insert(*key, error.clone());
                continue;
            }
            if group.is_taken(tx, *key, event, &mut undrafted)? {
                continue;
            }
            let now = clocks.now_of(&partner.id);
            let occasion = Occasion::new(event.effective_at, now, bank.time_zone);
            let occasion = occasion.judged(submission.judging);
            // Decided on at the time of the partner's clock, and recorded at ours.
            let recorded = Occasion { recorded_at: clocks.now(), ..occasion };
            match program::decide(event, partner, &mut standings, occasion) {
                Ok(decision) => {
                    let mut draft = Draft::new(submission, *key, decision, recorded, &bank.keys)?;
                    draft.set_trace(group.trace(*index));
                    draft.set_person(person);
                    drafts.push(draft);
                    drafts.enrol(submission, &mut enrolments);
                    undrafted.take(event, *index);
                }
                Err(refusal) => {
                    undrafted.refused.insert(*key, refusal.into());
                }
            }
        }
        let added = |(id, recorded): (&PartnerId, &i64)| {
            let before = recorded_before.get(id).copied().unwrap_or(0);
            (id.clone(), recorded.saturating_sub(before))
        };
        let counted = standings.recorded_today().iter().map(added);
        let counted = counted.filter(|(_partner, events)| *events > 0).collect();
        let refused_codes = standings.refused_codes().collect();
        let changed = standings.conduct.changed();
        let conduct = changed.map(|(period, tally)| (period.clone(), tally.clone())).collect();
        Ok(Drafted { drafts, undrafted, counted, conduct, refused_codes })
    }
}
