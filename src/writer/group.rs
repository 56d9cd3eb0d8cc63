//! The events of a group: which are new, which came before under their own id, and which are
//! another under the partner's own (business) key.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::draft::Drafts;
use super::{Answers, ConflictingDuplicate, Outcome, Submission, WriteError};
use crate::event::{Difference, Event, EventData, differences};
use crate::ids::{BusinessKey, EventId, EventKey, PartnerId, SignatureId};
use crate::program::Refusal;
use crate::store::business_keys::First;
use crate::store::duplicates::NewDuplicate;
use crate::store::events::Recorded;
use crate::store::{LedgerTx, StoreError, business_keys, events};
use crate::trace_parent::TraceParent;

/// A group's events, and which of them are new.
pub struct Group<'a> {
    submissions: &'a [Submission],
    /// Where in a trace each of them stands, if any does.
    traces: &'a [Option<TraceParent>],
    keys: Vec<EventKey>,
    recorded: HashMap<EventKey, Recorded>,
    /// Where each new event stands first.
    first: HashMap<EventKey, usize>,
    /// The events that came first under the business keys of the new ones.
    known: HashMap<BusinessKey, First>,
    /// Where the first new event of each business key stands.
    leaders: HashMap<BusinessKey, usize>,
    /// Ids that stand for another: what is a duplicate of what.
    aliases: HashMap<EventKey, EventId>,
    /// New events that were refused before they were decided on again.
    refused: HashMap<EventKey, WriteError>,
}

/// A new event of a group.
pub struct FreshEvent<'a> {
    /// Its place in the group.
    pub index: usize,
    pub key: EventKey,
    pub submission: Cow<'a, Submission>,
}

/// The events of one signed request.
struct RequestTally {
    /// How many the request carried, well-formed or not.
    carried: usize,
    /// How many of them are in the group.
    here: usize,
    keeps_people: bool,
}

impl RequestTally {
    const fn is_whole(&self) -> bool {
        self.here == self.carried && self.keeps_people
    }
}

/// What an event says, beside the one that came first under its business key.
enum Comparison {
    Same,
    Differs(WriteError),
}

/// What came of the new events of a group that are not drafts.
#[derive(Default)]
pub struct Undrafted {
    pub refused: HashMap<EventKey, WriteError>,
    duplicates: HashMap<EventKey, Duplicate>,
    /// The accepted events of the group, by their business keys.
    taken: HashMap<BusinessKey, usize>,
}

/// An event that came first under another id.
struct Duplicate {
    of: EventKey,
    id: EventId,
    /// Its receipt, unless it is of the same group.
    receipt: Option<String>,
}

/// An earlier event, with which another of the same business key is compared.
struct Earlier<'a> {
    fingerprint: &'a [u8],
    body: &'a str,
    id: &'a EventId,
}

impl<'a> Group<'a> {
    pub fn find(
        tx: &mut LedgerTx<'_>,
        submissions: &'a [Submission],
        traces: &'a [Option<TraceParent>],
    ) -> Result<Self, StoreError> {
        let key =
            |submission: &Submission| EventKey::of(&submission.partner.id, &submission.event.id);
        let keys: Vec<EventKey> = submissions.iter().map(key).collect();
        let recorded = events::recorded(tx, &keys)?;
        let mut first = HashMap::with_capacity(keys.len());
        let mut leaders = HashMap::new();
        for (index, (key, submission)) in keys.iter().zip(submissions).enumerate() {
            if !recorded.contains_key(key) {
                first.entry(*key).or_insert(index);
                if let Some(business) = submission.event.business_key() {
                    leaders.entry(business).or_insert(index);
                }
            }
        }
        let business: Vec<BusinessKey> = leaders.keys().copied().collect();
        let known = if business.is_empty() {
            HashMap::new()
        } else {
            business_keys::firsts(tx.db(), &business)?
        };
        let aliases = HashMap::new();
        let refused = HashMap::new();
        Ok(Self { submissions, traces, keys, recorded, first, known, leaders, aliases, refused })
    }

    /// Refuses events whatever the rules say.
    pub fn refuse(&mut self, events: Vec<(EventKey, WriteError)>) {
        self.refused.extend(events);
    }

    /// Why an event was refused whatever the rules say.
    pub fn refusal(&self, key: EventKey) -> Option<&WriteError> {
        self.refused.get(&key)
    }

    /// Where in a trace the event at this place of the group stands.
    pub fn trace(&self, index: usize) -> Option<TraceParent> {
        self.traces.get(index).copied().flatten()
    }

    /// Events that are not recorded under their own ids, in the order in which they were handed in.
    /// What they refer to is called by the id under which it came first.
    pub fn fresh(&self) -> impl Iterator<Item = FreshEvent<'a>> {
        let placed = self.keys.iter().copied().zip(self.submissions).enumerate();
        placed.filter(|(index, (key, _))| self.first.get(key) == Some(index)).map(
            |(index, (key, submission))| FreshEvent {
                index,
                key,
                submission: self.resolved(submission),
            },
        )
    }

    /// The signed requests of which all may be kept. A request is kept whole only if each event that
    /// it carried is in this group, and the contact data of each referral in it is kept as well:
    /// otherwise somebody's data would stay who did not agree to that.
    pub fn whole_requests(&self, drafts: &Drafts<'_>) -> HashSet<SignatureId> {
        let mut tallies: HashMap<SignatureId, RequestTally> = HashMap::new();
        for (key, submission) in self.keys.iter().zip(self.submissions) {
            let Some(signed) = submission.signed.as_deref() else { continue };
            let tally = tallies.entry(signed.id).or_insert(RequestTally {
                carried: signed.events,
                here: 0,
                keeps_people: true,
            });
            tally.here = tally.here.saturating_add(1);
            if matches!(submission.event.data, EventData::Referral(_)) && !drafts.keeps_person(*key)
            {
                tally.keeps_people = false;
            }
        }
        let whole = tallies.into_iter().filter(|(_id, tally)| tally.is_whole());
        whole.map(|(id, _tally)| id).collect()
    }

    fn resolved(&self, submission: &'a Submission) -> Cow<'a, Submission> {
        let (partner, event) = (&submission.partner.id, &submission.event);
        let named = event.data.refers_to().map(|id| EventKey::of(partner, id));
        match named.and_then(|key| self.aliases.get(&key)) {
            None => Cow::Borrowed(submission),
            Some(first) => {
                let mut resolved = submission.clone();
                resolved.event.data.refer_to(first.clone());
                Cow::Owned(resolved)
            }
        }
    }

    /// Whether a new event's business key is taken. If so, it is answered as a duplicate or refused,
    /// and no rule decides on it.
    pub fn is_taken(
        &self,
        tx: &mut LedgerTx<'_>,
        key: EventKey,
        event: &Event,
        undrafted: &mut Undrafted,
    ) -> Result<bool, StoreError> {
        let Some(business) = event.business_key() else { return Ok(false) };
        let (earlier, of, receipt) = if let Some(first) = self.known.get(&business) {
            let First { fingerprint, body, id, receipt, .. } = first;
            (Earlier { fingerprint, body, id }, first.key, Some(receipt.clone()))
        } else {
            let taken = undrafted.taken.get(&business).copied();
            let taken = taken.and_then(|at| Some((self.submissions.get(at)?, self.keys.get(at)?)));
            let Some((first, of)) = taken else { return Ok(false) };
            let Event { fingerprint, body, id, .. } = &first.event;
            (Earlier { fingerprint: fingerprint.bytes(), body, id }, *of, None)
        };
        match self.compare(tx, event, &earlier, &undrafted.duplicates)? {
            Comparison::Same => {
                let duplicate = Duplicate { of, id: earlier.id.clone(), receipt };
                undrafted.duplicates.insert(key, duplicate);
            }
            Comparison::Differs(error) => {
                undrafted.refused.insert(key, error);
            }
        }
        Ok(true)
    }

    /// Compares an event with the one that came first under its business key.
    fn compare(
        &self,
        tx: &mut LedgerTx<'_>,
        event: &Event,
        earlier: &Earlier<'_>,
        duplicates: &HashMap<EventKey, Duplicate>,
    ) -> Result<Comparison, StoreError> {
        if event.fingerprint.matches(earlier.fingerprint) {
            return Ok(Comparison::Same);
        }
        let mut found = differences(earlier.body, &event.body);
        if found.is_empty() {
            found.push(Difference::of_contact());
        }
        // A partner that gives its events new ids lets them refer to each other by these.
        let refers =
            |found: &Difference| matches!(found.pointer.as_str(), "/data/payment" | "/data/hold");
        if let (Some(place), Some(named)) = (found.iter().position(refers), event.data.refers_to())
        {
            let Some(first) = self.first_of(tx, &event.partner, named, duplicates)? else {
                let unknown = match event.data.hold() {
                    Some(_) => Refusal::HoldUnknown,
                    None => Refusal::PaymentUnknown,
                };
                return Ok(Comparison::Differs(unknown.into()));
            };
            let recorded = found.get(place).and_then(|it| it.recorded.as_ref()?.as_str());
            let recorded = recorded.and_then(|id| EventId::try_from(id).ok());
            let recorded = match recorded {
                Some(id) => self.first_of(tx, &event.partner, &id, duplicates)?,
                None => None,
            };
            if recorded == Some(first) {
                found.remove(place);
            }
        }
        if found.is_empty() {
            return Ok(Comparison::Same);
        }
        let conflict = ConflictingDuplicate { of: earlier.id.clone(), differences: found };
        Ok(Comparison::Differs(WriteError::ConflictingDuplicate(Box::new(conflict))))
    }

    /// The id under which an event came first; `None` when there is no such event.
    fn first_of(
        &self,
        tx: &mut LedgerTx<'_>,
        partner: &PartnerId,
        id: &EventId,
        duplicates: &HashMap<EventKey, Duplicate>,
    ) -> Result<Option<EventId>, StoreError> {
        let key = EventKey::of(partner, id);
        if let Some(duplicate) = duplicates.get(&key) {
            return Ok(Some(duplicate.id.clone()));
        }
        if let Some(submission) = self.first.get(&key).and_then(|at| self.submissions.get(*at)) {
            let business = submission.event.business_key();
            let known = business.and_then(|it| self.known.get(&it)).map(|first| first.id.clone());
            let leader = business.and_then(|it| self.leaders.get(&it));
            let leader = leader.and_then(|at| Some(self.submissions.get(*at)?.event.id.clone()));
            return Ok(known.or(leader).or_else(|| Some(id.clone())));
        }
        let recorded = events::recorded(tx, &[key])?.remove(&key);
        Ok(recorded.map(|it| it.duplicate_of.unwrap_or_else(|| id.clone())))
    }

    /// Finds what duplicates the events that were refused for what they refer to refer to;
    /// `false` when there are none, and the refusals stand.
    pub fn find_aliases(
        &mut self,
        tx: &mut LedgerTx<'_>,
        undrafted: &Undrafted,
    ) -> Result<bool, StoreError> {
        let mut unknown = Vec::new();
        for FreshEvent { key, submission, .. } in self.fresh() {
            let refusal = undrafted.refused.get(&key);
            let is_unknown = matches!(
                refusal,
                Some(WriteError::Refused(Refusal::PaymentUnknown | Refusal::HoldUnknown))
            );
            let named = submission.event.data.refers_to().filter(|_id| is_unknown);
            unknown.extend(named.map(|id| EventKey::of(&submission.partner.id, id)));
        }
        if unknown.is_empty() {
            return Ok(false);
        }
        let before = self.aliases.len();
        for key in &unknown {
            let duplicate = undrafted.duplicates.get(key);
            self.aliases.extend(duplicate.map(|it| (*key, it.id.clone())));
        }
        for (key, recorded) in events::recorded(tx, &unknown)? {
            self.aliases.extend(recorded.duplicate_of.map(|first| (key, first)));
        }
        Ok(self.aliases.len() > before)
    }

    /// One answer for each submission, in their order.
    pub fn answers(&self, drafts: &Drafts<'_>, undrafted: &Undrafted) -> Answers {
        let placed = self.submissions.iter().zip(&self.keys).enumerate();
        placed
            .map(|(index, (submission, key))| {
                let fingerprint = &submission.event.fingerprint;
                if let Some(before) = self.recorded.get(key) {
                    return if fingerprint.matches(&before.fingerprint) {
                        Ok(Outcome {
                            receipt: before.receipt.clone(),
                            replayed: true,
                            duplicate_of: before.duplicate_of.clone(),
                        })
                    } else {
                        Err(WriteError::Conflict)
                    };
                }
                let first = self.first.get(key).copied().unwrap_or(index);
                let twin = self.submissions.get(first);
                if !twin.is_some_and(|it| fingerprint.matches(it.event.fingerprint.bytes())) {
                    return Err(WriteError::Conflict);
                }
                let (draft, duplicate_of) = match undrafted.duplicates.get(key) {
                    None => (drafts.receipt(*key), None),
                    Some(Duplicate { of, id, receipt }) => {
                        let receipt = receipt.as_deref().or_else(|| drafts.receipt(*of));
                        (receipt, Some(id.clone()))
                    }
                };
                match draft {
                    Some(receipt) => Ok(Outcome {
                        receipt: receipt.to_owned(),
                        replayed: first != index || duplicate_of.is_some(),
                        duplicate_of,
                    }),
                    None => Err(undrafted.refused.get(key).cloned().unwrap_or(WriteError::Busy)),
                }
            })
            .collect()
    }
}

impl Undrafted {
    /// Notes the business key of an event that is accepted, with its place in the group.
    pub fn take(&mut self, event: &Event, index: usize) {
        self.taken.extend(event.business_key().map(|business| (business, index)));
    }

    /// The duplicates to be recorded: events that came again under another id.
    pub fn new_duplicates(&self, group: &Group<'_>) -> Vec<NewDuplicate> {
        let told = self.duplicates.iter();
        let fingerprint =
            |key| Some(group.submissions.get(*group.first.get(key)?)?.event.fingerprint);
        told.filter_map(|(key, duplicate)| {
            Some(NewDuplicate { key: *key, of: duplicate.of, fingerprint: fingerprint(key)? })
        })
        .collect()
    }
}
