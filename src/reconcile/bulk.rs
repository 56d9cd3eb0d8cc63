//! Many breaks at once: one person proposes the same for all of them, another approves them by their
//! proposals. All of it is done, or nothing.

use std::sync::{Arc, Mutex, PoisonError};

use super::break_record::Break;
use super::breaks::{ProposalOrder, ProposedAt, keep_approval, keep_proposal};
use super::bulk_total::BulkTotal;
use super::proposal::{ProposalAction, ProposalRefusal};
use super::refusal::ReconcileRefusal;
use crate::books::Books;
use crate::ids::{BreakId, StaffId};
use crate::store::{Db, break_subjects, break_talk, breaks};
use crate::writer::{RecordError, Work};

/// The same is proposed for all of them.
pub struct BulkProposal {
    /// Each once.
    pub breaks: Vec<BreakId>,
    pub order: ProposalOrder,
    pub typed: BulkTotal,
}

/// A break, and the number of the proposal that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedAt {
    pub id: BreakId,
    pub proposal: i64,
}

/// All of them are approved.
pub struct BulkApproval {
    /// Each break once.
    pub breaks: Vec<LookedAt>,
    pub typed: BulkTotal,
}

/// The break for which all of them are refused.
#[derive(Default)]
struct RefusedOne(Mutex<Option<BreakId>>);

impl RefusedOne {
    fn set(&self, id: Option<BreakId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    fn get(&self) -> Option<BreakId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Done<T> = Result<T, ReconcileRefusal>;

/// Proposes the same for all of them.
///
/// # Errors
/// [`ReconcileRefusal::Proposal`] with [`ProposalRefusal::OtherTotal`], or what is refused of one of them,
/// as [`ReconcileRefusal::OneOf`].
pub fn propose(
    who: &StaffId,
    db: &mut Db,
    bulk: &BulkProposal,
    at: &ProposedAt,
) -> Done<Vec<Break>> {
    let mut ids = bulk.breaks.clone();
    ids.sort_unstable();
    db.write(|tx| {
        breaks::hold(tx, &ids)?;
        let mut total = BulkTotal::default();
        for id in &ids {
            let found = breaks::get(tx.db(), *id)?;
            total.add(found.ok_or_else(|| one_of(*id, ReconcileRefusal::BreakUnknown))?.sums, 0);
        }
        total.check(&bulk.typed)?;
        for id in &ids {
            let kept = keep_proposal(who, tx, *id, bulk.order.clone(), at);
            kept.map_err(|refusal| one_of(*id, refusal))?;
        }
        Ok::<_, ReconcileRefusal>(())
    })?;
    read(db, &bulk.breaks)
}

/// Another person has all of it done.
///
/// # Errors
/// As [`propose`].
pub async fn approve(who: &StaffId, books: &Books, bulk: BulkApproval) -> Done<Vec<Break>> {
    let ids: Vec<BreakId> = bulk.breaks.iter().map(|it| it.id).collect();
    // The writer's error does not say of which of them it speaks.
    let refused = Arc::new(RefusedOne::default());
    let (by, noted) = (who.clone(), Arc::clone(&refused));
    let done = books.writer.run(move |work| {
        // The writer may have tried before, and met another one.
        noted.set(None);
        keep_approvals(&by, work, &bulk, |id| noted.set(Some(id)))
    });
    if let Err(error) = done.await {
        let refusal = ReconcileRefusal::from(error);
        return Err(match refused.get() {
            Some(id) => one_of(id, refusal),
            None => refusal,
        });
    }
    books.ask_or(move |db| read(db, &ids)).await
}

/// In the writer's transaction, because adjustments post. `note` gets the break that an error is about.
fn keep_approvals(
    who: &StaffId,
    work: &mut Work<'_>,
    bulk: &BulkApproval,
    note: impl Fn(BreakId),
) -> Result<(), RecordError> {
    let mut list = bulk.breaks.clone();
    list.sort_unstable_by_key(|it| it.id);
    let mut subjects = Vec::new();
    for it in &list {
        subjects.extend(break_subjects::of_break(work.tx.db(), it.id)?);
    }
    // All of them at once and in one order, so that others who decide about the same rows follow.
    break_subjects::lock(&mut work.tx, &subjects)?;
    let mut total = BulkTotal::default();
    for it in &list {
        let Some(found) = breaks::lock(&mut work.tx, it.id)? else {
            note(it.id);
            return Err(ProposalRefusal::Unknown.into());
        };
        let proposal = break_talk::last_proposal(work.tx.db(), it.id)?;
        let adjusted = match proposal.map(|proposal| proposal.action) {
            Some(ProposalAction::Adjust(amount)) => amount.minor(),
            Some(
                ProposalAction::Accept | ProposalAction::WriteOff | ProposalAction::AskPartner,
            )
            | None => 0,
        };
        total.add(found.sums, adjusted);
    }
    total.check(&bulk.typed)?;
    for it in &list {
        let kept = keep_approval(who, work, it.id, it.proposal);
        kept.inspect_err(|_refused| note(it.id))?;
    }
    Ok(())
}

fn one_of(id: BreakId, refusal: ReconcileRefusal) -> ReconcileRefusal {
    ReconcileRefusal::OneOf { id, refusal: Box::new(refusal) }
}

fn read(db: &mut Db, ids: &[BreakId]) -> Done<Vec<Break>> {
    let read = |id: &BreakId| breaks::get(db, *id)?.ok_or(ReconcileRefusal::BreakUnknown);
    ids.iter().map(read).collect()
}
