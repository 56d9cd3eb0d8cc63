//! Transactions that are decided and not written yet, with all that follows from each.

mod held;
mod range;
mod referrals;

use std::collections::{HashMap, HashSet};

use super::Submission;
use super::announce::{self, News, announce};
use super::error::RecordError;
use super::referral_draft::ReferralDraft;
use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::event::EventData;
use crate::ids::{
    BusinessKey, CustomerId, EventKey, MemberKey, PartnerId, ReferralId, SignatureId, TransactionId,
};
use crate::ledger::receipt::ReferralOutcome;
use crate::ledger::{Receipt, Transaction, TransactionKind};
use crate::money::{Amount, Asset};
use crate::program::{Confirmation, Counted, Decision, Explanation, FallenDue, HoldStep, Occasion};
use crate::referral::ReferralState;
use crate::store::customers::Enrolment;
use crate::store::events::NewEvent;
use crate::store::holds::HoldOf;
use crate::store::lots::LotRecord;
use crate::store::outbox::Kind;
use crate::store::quotes::QuoteEnd;
use crate::store::referrals::ReferralRecord;
use crate::store::signatures::SignedEvent;
use crate::store::transactions::NewTransaction;
use crate::store::{
    LedgerTx, accounts, business_keys, counters, customers, events, flagged_payments, holds, lines,
    lots, quotes, refund_charges, signatures, transactions,
};
use crate::trace_parent::TraceParent;

/// One transaction to be recorded, with all that follows from it.
pub struct Draft<'a> {
    /// The event that it comes from; none for what fell due, moves and corrections.
    said: Option<(&'a Submission, EventKey)>,
    kind: TransactionKind,
    effective_at: Moment,
    recorded_at: Moment,
    decision: Decision,
    transaction: Transaction,
    receipt: String,
    referral: Option<ReferralDraft<'a>>,
    /// The customer manager who gets one more lead by it.
    assigned: Option<(EventKey, Counted)>,
    /// The referral that it moves, and what that becomes.
    moved: Option<About>,
    /// The held event that staff released by it.
    released: Option<EventKey>,
}

/// A referral, as the receipt of its move names it.
pub struct About {
    pub id: ReferralId,
    pub state: ReferralState,
    pub reason: &'static str,
}

/// When a transaction counts, and when it is recorded.
#[derive(Clone, Copy)]
struct DraftTimes {
    effective_at: Moment,
    recorded_at: Moment,
}

impl DraftTimes {
    const fn at(now: Moment) -> Self {
        Self { effective_at: now, recorded_at: now }
    }
}

/// The drafts of a group.
#[derive(Default)]
pub struct Drafts<'a> {
    list: Vec<Draft<'a>>,
    by_key: HashMap<EventKey, usize>,
    enrolments: Vec<Enrolment>,
    /// Messages that the group queues.
    pub leads: usize,
    /// The signed requests of which all is kept.
    pub whole_requests: HashSet<SignatureId>,
}

impl<'a> Draft<'a> {
    pub fn new(
        submission: &'a Submission,
        key: EventKey,
        mut decision: Decision,
        occasion: Occasion,
        keys: &PersonalKeys,
    ) -> Result<Self, RecordError> {
        let postings = std::mem::take(&mut decision.postings);
        let transaction = Transaction::new(TransactionId::random(), postings)?;
        let referral = match (&submission.event.data, &decision.verdict) {
            (EventData::Referral(referral), Some(verdict)) => {
                let record = ReferralRecord {
                    id: ReferralId::random(),
                    event: key,
                    partner: submission.partner.id.clone(),
                    customer: decision.customer,
                    person: None,
                    product: referral.product.to_string(),
                    amount: referral.amount,
                    region: referral.region.clone(),
                    state: verdict.state,
                    reasons: verdict.reasons.clone(),
                    consent: None,
                    effective_at: occasion.effective_at,
                    recorded_at: occasion.recorded_at,
                    terms: verdict.terms.clone(),
                    placement: verdict.placement.clone(),
                    expires_at: verdict.expires_at,
                };
                let finding = verdict.finding.clone();
                let draft = ReferralDraft::new(submission, referral, record, keys)?;
                Some(ReferralDraft { finding, ..draft })
            }
            _ => None,
        };
        let lead = referral.as_ref().map(|draft| EventKey::of_lead(draft.record.id));
        let assigned = lead.zip(decision.assigned);
        let mut draft = Self {
            said: Some((submission, key)),
            kind: TransactionKind::from(&submission.event.data),
            effective_at: occasion.effective_at,
            recorded_at: occasion.recorded_at,
            decision,
            transaction,
            receipt: String::new(),
            assigned,
            referral,
            moved: None,
            released: None,
        };
        draft.receipt = draft.write_receipt()?;
        Ok(draft)
    }

    /// What fell due for a customer.
    pub fn of_due(fallen: FallenDue, recorded_at: Moment) -> Result<Self, RecordError> {
        let times = DraftTimes { effective_at: fallen.effective_at, recorded_at };
        Self::of_no_event(fallen.kind, fallen.decision, times, None)
    }

    /// What a move of a referral posts.
    pub fn of_move(
        kind: TransactionKind,
        decision: Decision,
        about: About,
        now: Moment,
    ) -> Result<Self, RecordError> {
        Self::of_no_event(kind, decision, DraftTimes::at(now), Some(about))
    }

    /// What a correction posts.
    pub fn of_correction(
        kind: TransactionKind,
        decision: Decision,
        now: Moment,
    ) -> Result<Self, RecordError> {
        Self::of_no_event(kind, decision, DraftTimes::at(now), None)
    }

    fn of_no_event(
        kind: TransactionKind,
        mut decision: Decision,
        times: DraftTimes,
        moved: Option<About>,
    ) -> Result<Self, RecordError> {
        let DraftTimes { effective_at, recorded_at } = times;
        let postings = std::mem::take(&mut decision.postings);
        let mut draft = Self {
            said: None,
            kind,
            effective_at,
            recorded_at,
            decision,
            transaction: Transaction::new(TransactionId::random(), postings)?,
            receipt: String::new(),
            referral: None,
            assigned: None,
            moved,
            released: None,
        };
        draft.receipt = draft.write_receipt()?;
        Ok(draft)
    }

    pub fn receipt(&self) -> &str {
        &self.receipt
    }

    /// Names the customer who is the referred person.
    pub const fn set_person(&mut self, person: Option<CustomerId>) {
        if let Some(referral) = &mut self.referral {
            referral.record.person = person;
        }
    }

    /// Says in which trace a referral came about.
    pub const fn set_trace(&mut self, trace: Option<TraceParent>) {
        if let Some(referral) = &mut self.referral {
            referral.trace = trace;
        }
    }

    pub const fn transaction_id(&self) -> TransactionId {
        self.transaction.id()
    }

    fn write_receipt(&self) -> Result<String, serde_json::Error> {
        let event = self.said.map(|(submission, _key)| &submission.event);
        let told = self.moved.as_ref().map(|about| [about.reason.to_owned()]);
        let moved = self.moved.as_ref().zip(told.as_ref()).map(|(about, told)| ReferralOutcome {
            id: about.id,
            state: about.state.name(),
            reasons: told,
            consent: None,
        });
        let referral = self.referral.as_ref().map(|draft| &draft.record);
        serde_json::to_string(&Receipt {
            receipt: self.transaction.id(),
            partner: event.map(|event| &event.partner),
            event: event.map(|event| &event.id),
            kind: self.kind,
            effective_at: self.effective_at,
            recorded_at: self.recorded_at,
            marks: self.decision.marks.iter().map(|mark| mark.name()).collect(),
            postings: Receipt::<()>::lines(&self.transaction),
            explanation: Explanation(&self.decision.explanation),
            referral: moved.or_else(|| {
                referral.map(|record| ReferralOutcome {
                    id: record.id,
                    state: record.state.name(),
                    reasons: &record.reasons,
                    consent: record.consent,
                })
            }),
        })
    }

    fn event(&self) -> Option<NewEvent<'_>> {
        let (submission, key) = self.said?;
        let event = &submission.event;
        Some(NewEvent {
            key,
            partner: &event.partner,
            id: &event.id,
            kind: event.data.kind(),
            fingerprint: &event.fingerprint,
            body: &event.body,
            transaction: self.transaction.id(),
            customer: self.decision.customer,
            refers_to: self.decision.refers_to,
            amount: event.data.amount().unwrap_or(Amount::zero(Asset::PTS)),
            effective_at: self.effective_at,
            recorded_at: self.recorded_at,
        })
    }

    fn business_key(&self) -> Option<(BusinessKey, EventKey)> {
        let (submission, key) = self.said?;
        Some((submission.event.business_key()?, key))
    }

    fn flagged(&self) -> Option<(EventKey, &PartnerId)> {
        let (submission, key) = self.said?;
        let flags = self.decision.marks.iter().any(|mark| mark.flags());
        flags.then_some((key, &submission.partner.id))
    }

    /// The signed request that carried the event; all of it only if it is one of those.
    fn signed(&self, whole: &HashSet<SignatureId>) -> Option<SignedEvent<'_>> {
        let (submission, event) = self.said?;
        let signature = submission.signed.as_deref()?;
        Some(SignedEvent { event, signature, whole: whole.contains(&signature.id) })
    }

    fn lots(&self) -> impl Iterator<Item = LotRecord<'_>> {
        self.decision.lots.iter().map(|lot| LotRecord {
            lot,
            transaction: self.transaction.id(),
            effective_at: self.effective_at,
            recorded_at: self.recorded_at,
        })
    }

    fn counted(&self) -> impl Iterator<Item = (EventKey, Counted)> {
        // A reversal is no event: what it takes from counters stands under its transaction.
        let own = EventKey::from_bytes(*self.transaction.id_bytes());
        let said = self.said.map(|(_submission, key)| key);
        let key = said.or(self.released).unwrap_or(own);
        let kept = self.decision.quote.iter().flat_map(|kept| {
            let ended = EventKey::of_ended_quote(kept.id);
            kept.released.iter().map(move |counted| (ended, *counted))
        });
        let own = self.decision.counted.iter().map(move |counted| (key, *counted));
        own.chain(self.assigned).chain(kept)
    }

    fn hold(&self) -> Option<(HoldOf<'_>, HoldStep)> {
        let own = self.said.map(|(_submission, key)| key);
        let of = HoldOf {
            key: self.decision.refers_to.or(own)?,
            customer: self.decision.customer?,
            partner: self.said.map(|(submission, _key)| &submission.partner.id),
            transaction: self.transaction.id(),
            recorded_at: self.recorded_at,
        };
        Some((of, self.decision.hold?))
    }

    fn redemption(&self, points: Amount) -> Option<RedemptionDraft<'_>> {
        let (submission, _key) = self.said?;
        Some(RedemptionDraft {
            customer: self.decision.customer?,
            partner: &submission.partner.id,
            transaction: self.transaction.id(),
            points,
        })
    }

    fn transaction(&self) -> NewTransaction<'_> {
        NewTransaction {
            transaction: &self.transaction,
            kind: self.kind,
            receipt: &self.receipt,
            effective_at: self.effective_at,
            recorded_at: self.recorded_at,
        }
    }
}

/// A redemption that a draft brings, or asks the customer about.
pub struct RedemptionDraft<'a> {
    pub customer: CustomerId,
    pub partner: &'a PartnerId,
    pub transaction: TransactionId,
    pub points: Amount,
}

impl<'a> Drafts<'a> {
    /// The redemptions among these.
    pub fn redemptions(&self) -> impl Iterator<Item = RedemptionDraft<'_>> {
        self.list.iter().filter_map(|draft| {
            let Some(HoldStep::Closed { committed, .. }) = draft.decision.hold else { return None };
            draft.redemption(committed)
        })
    }

    /// The holds among these that wait for their customer.
    pub fn asked(&self) -> impl Iterator<Item = RedemptionDraft<'_>> {
        self.list.iter().filter_map(|draft| match draft.decision.hold {
            Some(HoldStep::Opened { points, confirmation: Confirmation::Awaited, .. }) => {
                draft.redemption(points)
            }
            _ => None,
        })
    }

    /// An empty list with room for this many drafts.
    pub fn with_capacity(drafts: usize) -> Self {
        let (list, by_key) = (Vec::with_capacity(drafts), HashMap::with_capacity(drafts));
        Self { list, by_key, ..Self::default() }
    }

    pub fn push(&mut self, draft: Draft<'a>) {
        if let Some((_submission, key)) = draft.said {
            self.by_key.insert(key, self.list.len());
        }
        self.list.push(draft);
    }

    /// Keeps the enrolment of the member whom an accepted event names; those that only refused
    /// events name are never written.
    pub fn enrol(&mut self, submission: &Submission, waiting: &mut HashMap<MemberKey, Enrolment>) {
        let member = submission.event.data.member();
        let key = member.map(|member| MemberKey::of(&submission.partner.id, member));
        self.enrolments.extend(key.and_then(|key| waiting.remove(&key)));
    }

    pub fn receipt(&self, key: EventKey) -> Option<&str> {
        let draft = self.list.get(*self.by_key.get(&key)?)?;
        Some(&draft.receipt)
    }

    /// Whether the contact data of a referral's person is kept with this event.
    pub fn keeps_person(&self, key: EventKey) -> bool {
        let draft = self.by_key.get(&key).and_then(|place| self.list.get(*place));
        let referral = draft.and_then(|draft| draft.referral.as_ref());
        referral.is_some_and(|referral| referral.personal.is_some())
    }

    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// The messages to partners about payments that wait for people.
    fn flagged_news(&self) -> Vec<News<'_>> {
        let flagged = self.list.iter().filter_map(|draft| {
            let (key, partner) = draft.flagged()?;
            let (submission, _key) = draft.said?;
            let marks = draft.decision.marks.iter().filter(|mark| mark.flags());
            let data = announce::Data::Payment {
                event: &submission.event.id,
                receipt: draft.transaction.id(),
                marks: marks.map(|mark| mark.name()).collect(),
            };
            let (kind, subject) = (Kind::PaymentFlagged, *key.bytes());
            Some(News { partner, kind, subject, revision: 1, data })
        });
        flagged.chain(self.held_news()).collect()
    }

    /// Writes all drafts, in the order that the database's constraints ask for.
    pub fn write(&mut self, tx: &mut LedgerTx<'_>, now: Moment) -> Result<(), RecordError> {
        if self.list.is_empty() {
            return Ok(());
        }
        if customers::enrol(tx, &self.enrolments)? < self.enrolments.len() {
            return Err(RecordError::Raced);
        }
        let new_events: Vec<NewEvent<'_>> = self.list.iter().filter_map(Draft::event).collect();
        if events::insert(tx, &new_events)? < new_events.len() {
            return Err(RecordError::Raced);
        }
        let business: Vec<(BusinessKey, EventKey)> =
            self.list.iter().filter_map(Draft::business_key).collect();
        if !business.is_empty() && business_keys::insert(tx, &business)? < business.len() {
            return Err(RecordError::Raced);
        }
        let whole = &self.whole_requests;
        let signed: Vec<SignedEvent<'_>> =
            self.list.iter().filter_map(|draft| draft.signed(whole)).collect();
        if !signed.is_empty() {
            signatures::insert(tx, &signed, now)?;
        }
        let flagged: Vec<(EventKey, &PartnerId)> =
            self.list.iter().filter_map(Draft::flagged).collect();
        flagged_payments::insert(tx, &flagged, now)?;
        self.write_held(tx, now)?;
        self.leads = announce(tx, &self.flagged_news(), now)?;
        let new_transactions: Vec<NewTransaction<'_>> =
            self.list.iter().map(Draft::transaction).collect();
        transactions::insert(tx, &new_transactions)?;
        self.write_referrals(tx, now)?;
        let opened: Vec<LotRecord<'_>> = self.list.iter().flat_map(Draft::lots).collect();
        let postings = || self.list.iter().flat_map(|draft| draft.transaction.postings());
        lots::apply(tx, &opened, postings())?;
        for (of, step) in self.list.iter().filter_map(Draft::hold) {
            holds::step(tx, &of, step)?;
        }
        for draft in &self.list {
            if let Some((_submission, key)) = draft.said {
                lines::insert(tx, key, &draft.decision.lines)?;
            }
        }
        for draft in &self.list {
            let said = draft.said.map(|(_submission, key)| key).or(draft.released);
            if let (Some(key), Some(kept)) = (said, &draft.decision.quote)
                && !quotes::close(tx, kept.id, kept.was, QuoteEnd::Kept(key))?
            {
                return Err(RecordError::Raced);
            }
        }
        refund_charges::apply(tx, self.list.iter().flat_map(|draft| &draft.decision.charges))?;
        counters::apply(tx, self.list.iter().flat_map(Draft::counted))?;
        for draft in &self.list {
            if let (Some(customer), Some(tier)) = (draft.decision.customer, &draft.decision.tier) {
                customers::set_tier(tx, customer, tier)?;
            }
        }
        // Last, because nearly every group touches the bank's accounts: from here to the commit
        // the other writers wait.
        accounts::apply(tx, postings())?;
        Ok(())
    }
}
