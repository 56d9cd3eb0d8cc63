//! Rows of events that are held, and of what staff released.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Drafts};
use crate::clock::Moment;
use crate::event::Commit;
use crate::ids::EventKey;
use crate::ledger::TransactionKind;
use crate::program::{Decision, Exposed, Mark};
use crate::store::held_events::{self, NewHeld};
use crate::store::outbox::Kind;
use crate::store::{LedgerTx, StoreError, exposures, lines};
use crate::writer::alarm::HeldAlarm;
use crate::writer::announce::{self, News};
use crate::writer::error::RecordError;

impl<'a> Draft<'a> {
    /// What a held event brings once staff have released it.
    pub fn of_release(
        event: EventKey,
        decision: Decision,
        effective_at: Moment,
        now: Moment,
    ) -> Result<Self, RecordError> {
        let times = super::DraftTimes { effective_at, recorded_at: now };
        let mut draft = Self::of_no_event(TransactionKind::Released, decision, times, None)?;
        draft.released = Some(event);
        Ok(draft)
    }

    fn held(&self) -> Option<NewHeld<'_>> {
        let (submission, event) = self.said?;
        let why = self.decision.held.as_ref()?;
        let kind = submission.event.data.kind();
        Some(NewHeld {
            event,
            partner: &submission.partner.id,
            kind,
            reward: None,
            hold: self.decision.refers_to.filter(|_hold| kind == Commit::TYPE),
            rule: why.rule(),
            figures: why.figures(),
        })
    }

    fn exposed(&self) -> impl Iterator<Item = &Exposed> {
        self.decision.exposed.iter()
    }
}

impl Drafts<'_> {
    /// The messages to partners about events that wait for people.
    pub(super) fn held_news(&self) -> impl Iterator<Item = News<'_>> {
        self.list.iter().filter_map(|draft| {
            let held = draft.held()?;
            let (submission, key) = draft.said?;
            let data = announce::Data::Payment {
                event: &submission.event.id,
                receipt: draft.transaction.id(),
                marks: vec![Mark::Held.name()],
            };
            let (partner, subject) = (held.partner, *key.bytes());
            Some(News { partner, kind: Kind::EventHeld, subject, revision: 1, data })
        })
    }

    /// Why events are held, one for each partner and rule.
    pub fn alarms(&self) -> impl Iterator<Item = HeldAlarm<'_>> {
        let held = self.list.iter().filter_map(|draft| {
            let (submission, _key) = draft.said?;
            let why = draft.decision.held.as_ref()?;
            Some(((&submission.partner.id, why.rule()), why))
        });
        // Backwards, so that the first of each pair stays.
        let held: Vec<_> = held.collect();
        let firsts: BTreeMap<_, _> = held.into_iter().rev().collect();
        firsts.into_iter().map(|((partner, _rule), why)| HeldAlarm { partner, why })
    }

    /// Writes what is held, what was released, and what all of it adds to the figures of exposure.
    pub(super) fn write_held(&self, tx: &mut LedgerTx<'_>, now: Moment) -> Result<(), StoreError> {
        let held: Vec<NewHeld<'_>> = self.list.iter().filter_map(Draft::held).collect();
        if !held.is_empty() {
            let rules: BTreeSet<(&str, &str)> =
                held.iter().map(|held| (held.partner.as_str(), held.rule)).collect();
            for (partner, rule) in rules {
                tracing::warn!(partner, rule, "an event is held until staff decide");
            }
            held_events::insert(tx, &held, now)?;
        }
        for draft in &self.list {
            if let Some(event) = draft.released {
                held_events::released(tx, event, draft.transaction.id())?;
                lines::insert(tx, EventKey::of_release(event), &draft.decision.lines)?;
            }
        }
        exposures::apply(tx, self.list.iter().flat_map(Draft::exposed))
    }
}
