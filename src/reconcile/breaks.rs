//! What people do about breaks: one proposes, another decides; staff note; the partner answers.

use std::sync::Arc;

use super::break_record::{Break, BreakFilter, Note, NoteAuthor, NoteReaders};
use super::past_decision::PastDecisions;
use super::proposal::{
    BreakState, Proposal, ProposalAction, ProposalRefusal, ProposalRejection, ProposalState,
    may_propose, within_cap, within_difference,
};
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use crate::books::Books;
use crate::clock::Moment;
use crate::ids::{BreakId, PartnerId, StaffId};
use crate::money::{Amount, Asset};
use crate::partner::Registry;
use crate::partner::statement_map::StatementMap;
use crate::program::BreakAdjusted;
use crate::store::outbox::Kind;
use crate::store::{Db, LedgerTx, StoreError, break_subjects, break_talk, breaks, freezes};
use crate::writer::announce::{self, News, announce};
use crate::writer::{BreakAdjustment, HeldRefusal, RecordError, Work};

/// A break with all that was proposed and said.
pub struct BreakDetail {
    pub found: Break,
    pub proposals: Vec<Proposal>,
    pub notes: Vec<Note>,
}

/// What somebody proposes.
#[derive(Clone, Debug)]
pub struct ProposalOrder {
    pub action: ProposalAction,
    /// For [`ProposalAction::AskPartner`] the question, which the partner reads.
    pub reason: String,
}

/// When something is proposed, and by which manifests.
pub struct ProposedAt {
    pub now: Moment,
    pub registry: Arc<Registry>,
}

type Done<T> = Result<T, ReconcileRefusal>;

/// A break as staff see it.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`].
pub fn read(db: &mut Db, id: BreakId) -> Done<BreakDetail> {
    let found = breaks::get(db, id)?.ok_or(ReconcileRefusal::BreakUnknown)?;
    let proposals = break_talk::proposals(db, id)?;
    Ok(BreakDetail { found, proposals, notes: break_talk::notes(db, id)? })
}

/// Breaks of one state, the oldest first, after the last one of the page before.
///
/// # Errors
/// The store's.
pub fn list(
    db: &mut Db,
    filter: &BreakFilter,
    after: Option<(Moment, BreakId)>,
    rows_max: i64,
) -> Done<Vec<Break>> {
    Ok(breaks::page(db, filter, after, rows_max)?)
}

/// A break whose proposal waits for another person.
pub struct WaitingBreak {
    pub found: Break,
    pub proposal: Proposal,
}

/// Proposals that wait for another person, by the age of their breaks, after the last one of the page before.
///
/// # Errors
/// The store's.
pub fn waiting_for_approval(
    db: &mut Db,
    after: Option<(Moment, BreakId)>,
    rows_max: i64,
) -> Done<Vec<WaitingBreak>> {
    let filter =
        BreakFilter { state: BreakState::Proposed, partner: None, period: None, code: None };
    let found = breaks::page(db, &filter, after, rows_max)?;
    let ids: Vec<BreakId> = found.iter().map(|it| it.id).collect();
    let mut proposals = break_talk::waiting(db, &ids)?;
    let pair = |found: Break| {
        let proposal = proposals.remove(&found.id)?;
        Some(WaitingBreak { found, proposal })
    };
    Ok(found.into_iter().filter_map(pair).collect())
}

/// A break as its partner sees it: once the partner was asked, and without what staff say among
/// themselves.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`], also for another partner's.
pub fn read_asked(who: &PartnerId, db: &mut Db, id: BreakId) -> Done<BreakDetail> {
    let found = asked(who, breaks::get(db, id)?)?;
    let mut notes = break_talk::shared_notes(db, id)?;
    // Counted anew: gaps would say how often staff talk among themselves.
    notes.iter_mut().zip(1..).for_each(|(note, number)| note.number = number);
    Ok(BreakDetail { found, proposals: Vec::new(), notes })
}

/// Proposes what is to be done.
///
/// # Errors
/// [`ReconcileRefusal::Proposal`].
pub fn propose(
    who: &StaffId,
    db: &mut Db,
    id: BreakId,
    order: ProposalOrder,
    at: &ProposedAt,
) -> Done<BreakDetail> {
    db.write(|tx| keep_proposal(who, tx, id, order, at))?;
    read(db, id)
}

/// Another person has it done, by the number of the proposal that they have looked at.
///
/// # Errors
/// [`ReconcileRefusal::Proposal`], with [`ProposalRefusal::FourEyes`] for whoever proposed it, and
/// [`ProposalRefusal::OtherProposal`] where another proposal waits.
pub async fn approve(
    who: &StaffId,
    books: &Books,
    id: BreakId,
    proposal: i64,
) -> Done<BreakDetail> {
    let by = who.clone();
    books.writer.run(move |work| keep_approval(&by, work, id, proposal)).await?;
    books.ask_or(move |db| read(db, id)).await
}

/// The proposal comes to nothing, and the break is open again.
///
/// # Errors
/// [`ReconcileRefusal::Proposal`], with [`ProposalRefusal::OtherProposal`] where another proposal waits.
pub fn reject(
    who: &StaffId,
    db: &mut Db,
    id: BreakId,
    rejection: ProposalRejection,
    now: Moment,
) -> Done<BreakDetail> {
    let ProposalRejection { proposal: number, because } = rejection;
    db.write(|tx| {
        let proposal = waiting(tx, id)?;
        if proposal.number != number {
            return Err(ProposalRefusal::OtherProposal.into());
        }
        // The second person would read one proposal, and approve another.
        if proposal.proposed_by.is_same_person(who) {
            return Err(ProposalRefusal::FourEyes.into());
        }
        let rejected = ProposalState::Rejected { by: who.clone(), because, at: now };
        break_talk::decide(tx, id, proposal.number, &rejected)?;
        Ok::<_, ReconcileRefusal>(breaks::set_state(tx, &[id], BreakState::Open, now)?)
    })?;
    read(db, id)
}

/// Staff note something about a break, for themselves.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`].
pub fn note(
    who: &StaffId,
    db: &mut Db,
    id: BreakId,
    says: String,
    now: Moment,
) -> Done<BreakDetail> {
    let (by, readers) = (NoteAuthor::Staff(who.clone()), NoteReaders::Staff);
    db.write(|tx| {
        lock(tx, id)?;
        let note = Note { number: 0, by, readers, says, noted_at: now };
        Ok::<_, ReconcileRefusal>(break_talk::note(tx, id, &note)?)
    })?;
    read(db, id)
}

/// The partner answers what it was asked, and the break is the staff's again.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`], [`ReconcileRefusal::NotAsked`].
pub fn answer(
    who: &PartnerId,
    db: &mut Db,
    id: BreakId,
    says: String,
    now: Moment,
) -> Done<BreakDetail> {
    db.write(|tx| {
        let found = asked(who, breaks::lock(tx, id)?)?;
        if found.state != BreakState::AwaitingPartner {
            return Err(ReconcileRefusal::NotAsked);
        }
        let (by, readers) = (NoteAuthor::Partner(who.clone()), NoteReaders::StaffAndPartner);
        break_talk::note(tx, id, &Note { number: 0, by, readers, says, noted_at: now })?;
        Ok(breaks::set_state(tx, &[id], BreakState::Open, now)?)
    })?;
    read_asked(who, db, id)
}

pub(super) fn keep_proposal(
    who: &StaffId,
    tx: &mut LedgerTx<'_>,
    id: BreakId,
    order: ProposalOrder,
    at: &ProposedAt,
) -> Done<()> {
    let found = lock(tx, id)?;
    let last = break_talk::last_proposal(tx.db(), id)?;
    let waiting = last.as_ref().filter(|it| it.state == ProposalState::Proposed);
    may_propose(found.state, waiting, at.now)?;
    match order.action {
        ProposalAction::WriteOff => {
            within_cap(found.sums, write_off_max(&at.registry, &found.partner))?;
        }
        ProposalAction::Adjust(amount) => {
            let before = decided_before(tx, id)?;
            // What was posted for the rows before may be taken back, however far the sides are apart now.
            if !before.has_posted_beside(id) && !found.code.is_about_decisions() {
                within_difference(found.sums, amount)?;
            }
            before.within_left(id, found.sums, amount)?;
        }
        ProposalAction::Accept | ProposalAction::AskPartner => {}
    }
    if let Some(waiting) = waiting {
        let lapsed = ProposalState::Lapsed { at: at.now };
        break_talk::decide(tx, id, waiting.number, &lapsed)?;
    }
    let number = last.map_or(0, |last| last.number).saturating_add(1);
    let proposal = Proposal::new(order.action, order.reason, who, at.now);
    break_talk::propose(tx, id, &Proposal { number, ..proposal })?;
    Ok(breaks::set_state(tx, &[id], BreakState::Proposed, at.now)?)
}

/// The most that may be written off with a partner, by its manifest.
fn write_off_max(registry: &Registry, partner: &PartnerId) -> Amount {
    let partner = registry.get(partner);
    let map = partner.as_ref().and_then(|partner| partner.statement.as_ref());
    map.map_or(Amount::zero(Asset::CNY), StatementMap::write_off_max)
}

/// What people decided about the same rows.
fn decided_before(tx: &mut LedgerTx<'_>, id: BreakId) -> Result<PastDecisions, StoreError> {
    let subjects = break_subjects::of_break(tx.db(), id)?;
    break_subjects::decided(tx.db(), &subjects)
}

/// In the writer's transaction, because an adjustment posts.
pub(super) fn keep_approval(
    who: &StaffId,
    work: &mut Work<'_>,
    id: BreakId,
    number: i64,
) -> Result<(), RecordError> {
    let now = work.now;
    // Before the break itself, so that two approvals about the same rows take their locks in order.
    let subjects = break_subjects::of_break(work.tx.db(), id)?;
    break_subjects::lock(&mut work.tx, &subjects)?;
    let found = breaks::lock(&mut work.tx, id)?.ok_or(ProposalRefusal::Unknown)?;
    let proposal = waiting_on(&mut work.tx, &found)?;
    if proposal.number != number {
        return Err(ProposalRefusal::OtherProposal.into());
    }
    proposal.approval(who, now)?;
    if let ProposalAction::Adjust(amount) = proposal.action {
        refuse_frozen(work, &found.partner)?;
        decided_before(&mut work.tx, id)?.within_left(id, found.sums, amount)?;
    }
    let transaction = match proposal.action {
        ProposalAction::Adjust(amount) => Some(work.adjust_break(BreakAdjustment {
            partner: found.partner.clone(),
            amount,
            why: BreakAdjusted {
                rule: BreakAdjusted::RULE,
                amount,
                of: id,
                because: proposal.reason.clone(),
                proposed_by: proposal.proposed_by.clone(),
                approved_by: who.clone(),
            },
        })?),
        ProposalAction::Accept | ProposalAction::WriteOff | ProposalAction::AskPartner => None,
    };
    let tx = &mut work.tx;
    let approved = ProposalState::Approved { by: who.clone(), at: now, transaction };
    break_talk::decide(tx, id, proposal.number, &approved)?;
    breaks::set_state(tx, &[id], proposal.action.outcome(), now)?;
    tell_partner(tx, &found, &proposal, now)?;
    match proposal.action {
        ProposalAction::Accept | ProposalAction::Adjust(_) | ProposalAction::WriteOff => Ok(()),
        ProposalAction::AskPartner => {
            breaks::set_asked(tx, id, now)?;
            let by = NoteAuthor::Staff(proposal.proposed_by);
            let readers = NoteReaders::StaffAndPartner;
            let note = Note { number: 0, by, readers, says: proposal.reason, noted_at: now };
            Ok(break_talk::note(tx, id, &note)?)
        }
    }
}

/// The partner's webhooks learn that it is asked, or what was decided about that of which it was asked.
fn tell_partner(
    tx: &mut LedgerTx<'_>,
    found: &Break,
    proposal: &Proposal,
    now: Moment,
) -> Result<(), StoreError> {
    let kind = match proposal.action {
        ProposalAction::AskPartner => Kind::BreakAsked,
        ProposalAction::Accept | ProposalAction::Adjust(_) | ProposalAction::WriteOff => {
            Kind::BreakClosed
        }
    };
    // What it was never asked about is the bank's own business.
    if kind == Kind::BreakClosed && found.asked_at.is_none() {
        return Ok(());
    }
    let state = proposal.action.outcome().name();
    let data = announce::Data::Break { id: found.id, period: found.period.to_string(), state };
    let (subject, revision) = (*found.id.bytes(), now.unix_micros());
    let news = News { partner: &found.partner, kind, subject, revision, data };
    announce(tx, &[news], now)?;
    Ok(())
}

/// The partner's webhooks learn that what it was asked about has gone by itself: a run no longer finds it.
pub(super) fn tell_cleared(
    tx: &mut LedgerTx<'_>,
    order: &RunOrder,
    cleared: &[BreakId],
    now: Moment,
) -> Result<(), StoreError> {
    let asked = breaks::cleared_of_asked(tx.db(), cleared)?;
    let news = asked.into_iter().map(|id| News {
        partner: &order.partner,
        kind: Kind::BreakClosed,
        subject: *id.bytes(),
        revision: now.unix_micros(),
        data: announce::Data::Break {
            id,
            period: order.period.to_string(),
            state: BreakState::Cleared.name(),
        },
    });
    announce(tx, &news.collect::<Vec<_>>(), now)?;
    Ok(())
}

/// Nothing is owed to a partner that is frozen.
pub(super) fn refuse_frozen(work: &mut Work<'_>, partner: &PartnerId) -> Result<(), RecordError> {
    let is_frozen = freezes::is_frozen_throughout(&mut work.tx, partner)?;
    if is_frozen { Err(HeldRefusal::Frozen.into()) } else { Ok(()) }
}

fn lock(tx: &mut LedgerTx<'_>, id: BreakId) -> Done<Break> {
    breaks::lock(tx, id)?.ok_or(ReconcileRefusal::BreakUnknown)
}

/// The proposal that waits. The break is held.
fn waiting(tx: &mut LedgerTx<'_>, id: BreakId) -> Done<Proposal> {
    let found = lock(tx, id)?;
    Ok(waiting_on(tx, &found)?)
}

fn waiting_on(tx: &mut LedgerTx<'_>, found: &Break) -> Result<Proposal, RecordError> {
    let last = break_talk::last_proposal(tx.db(), found.id)?;
    let waiting = last.filter(|it| it.state == ProposalState::Proposed);
    match waiting {
        Some(proposal) if found.state == BreakState::Proposed => Ok(proposal),
        Some(_) | None => Err(ProposalRefusal::NoneWaits.into()),
    }
}

fn asked(who: &PartnerId, found: Option<Break>) -> Done<Break> {
    found
        .filter(|it| it.partner == *who && it.asked_at.is_some())
        .ok_or(ReconcileRefusal::BreakUnknown)
}
