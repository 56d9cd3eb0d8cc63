//! What people do about breaks of the bank: one proposes, another decides.

use super::bank::code::{BankBreakAction, BankBreakCode, BankBreakState};
use super::bank::message::{BankReason, BookingDirection};
use super::bank::state::PayoutState;
use super::bank_files::{StepCause, go_on};
use super::breaks::refuse_frozen;
use super::proposal::{ProposalRefusal, ProposalRejection};
use super::refusal::ReconcileRefusal;
use crate::books::Books;
use crate::clock::Moment;
use crate::ids::{BankEntryId, StaffId, TransactionId};
use crate::ledger::Posting;
use crate::money::{Amount, Asset};
use crate::program::PayoutReason;
use crate::store::bank_breaks::{
    BankBreak, BankBreakDecision, BankBreakOutcome, BankBreakPage, BankBreakProposal,
};
use crate::store::payouts::PayoutRecord;
use crate::store::{Db, LedgerTx, StoreError, bank_breaks, payouts};
use crate::writer::{PayoutPosting, PayoutStep, RecordError, Work, payout_postings};

/// A break of the bank with what was last proposed about it.
pub struct BankBreakDetail {
    pub found: BankBreak,
    pub proposal: Option<BankBreakProposal>,
}

/// What somebody proposes, and why.
#[derive(Clone, Debug)]
pub struct BankBreakOrder {
    pub action: BankBreakAction,
    pub reason: String,
}

type Done<T> = Result<T, ReconcileRefusal>;

/// What may be charged at once, in hundredths: 10,000,000,000.00 CNY. More is no payment, but a wrong file.
const CHARGED_MAX: i64 = 1_000_000_000_000;

/// Breaks of the bank in a state, the oldest first.
///
/// # Errors
/// The store's.
pub fn list(db: &mut Db, page: &BankBreakPage) -> Done<Vec<BankBreakDetail>> {
    let found = bank_breaks::page(db, page)?;
    found.into_iter().map(|found| with_proposal(db, found)).collect()
}

/// Breaks of the bank in a state, the oldest first, after the last one of the page before.
///
/// # Errors
/// The store's.
pub fn in_state(
    db: &mut Db,
    state: BankBreakState,
    after: Option<(Moment, BankEntryId)>,
    rows_max: i64,
) -> Done<Vec<BankBreakDetail>> {
    list(db, &BankBreakPage { state, after, rows_max })
}

/// A break of the bank, and what approving the proposal that waits would post.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`].
pub fn with_postings(db: &mut Db, id: BankEntryId) -> Done<(BankBreakDetail, Vec<Posting>)> {
    let detail = read(db, id)?;
    let waiting = detail.proposal.as_ref().filter(|it| it.decision.is_none());
    let action = waiting.map(|it| it.action);
    let payout = match &detail.found.payout {
        Some(message_id) if action.is_some() => payouts::get(db, message_id)?,
        Some(_) | None => None,
    };
    let posted = match (action, &payout) {
        (Some(BankBreakAction::Charge), Some(_)) => {
            charged(&detail.found).map(|amount| (PayoutStep::Charged, amount))
        }
        (Some(BankBreakAction::Accept), Some(payout)) => {
            let is_posted = ends_order(&detail.found) && payout.state.is_open();
            is_posted.then_some((PayoutStep::Rejected, payout.amount))
        }
        _ => None,
    };
    let postings = match payout.zip(posted) {
        Some((payout, (step, amount))) => payout_postings(step, &payout.partner, amount)?,
        None => Vec::new(),
    };
    Ok((detail, postings))
}

/// # Errors
/// [`ReconcileRefusal::BreakUnknown`].
pub fn read(db: &mut Db, id: BankEntryId) -> Done<BankBreakDetail> {
    let found = bank_breaks::get(db, id)?.ok_or(ReconcileRefusal::BreakUnknown)?;
    with_proposal(db, found)
}

fn with_proposal(db: &mut Db, found: BankBreak) -> Done<BankBreakDetail> {
    let proposal = bank_breaks::last_proposal(db, found.id)?;
    Ok(BankBreakDetail { found, proposal })
}

/// Proposes what is to be done.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`], [`ReconcileRefusal::Proposal`].
pub fn propose(
    who: &StaffId,
    db: &mut Db,
    id: BankEntryId,
    order: BankBreakOrder,
    now: Moment,
) -> Done<BankBreakDetail> {
    db.write(|tx| {
        let found = lock(tx, id)?.ok_or(ReconcileRefusal::BreakUnknown)?;
        match found.state {
            BankBreakState::Open => {}
            BankBreakState::Proposed => return Err(ProposalRefusal::Waiting.into()),
            BankBreakState::Accepted
            | BankBreakState::Confirmed
            | BankBreakState::Charged
            | BankBreakState::Cleared => return Err(ProposalRefusal::Overtaken.into()),
        }
        check_fits(&found, order.action)?;
        let last = bank_breaks::last_proposal(tx.db(), id)?;
        let proposal = BankBreakProposal {
            number: last.map_or(0, |last| last.number).saturating_add(1),
            action: order.action,
            reason: order.reason,
            proposed_by: who.clone(),
            proposed_at: now,
            decision: None,
        };
        bank_breaks::propose(tx, id, &proposal)?;
        Ok::<_, ReconcileRefusal>(bank_breaks::set_state(tx, id, BankBreakState::Proposed, now)?)
    })?;
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
    id: BankEntryId,
    proposal: i64,
) -> Done<BankBreakDetail> {
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
    id: BankEntryId,
    rejection: ProposalRejection,
    now: Moment,
) -> Done<BankBreakDetail> {
    let ProposalRejection { proposal: number, because } = rejection;
    db.write(|tx| {
        let found = lock(tx, id)?.ok_or(ReconcileRefusal::BreakUnknown)?;
        let waiting = waiting(tx, &found)?;
        if waiting.number != number {
            return Err(ProposalRefusal::OtherProposal.into());
        }
        if waiting.proposed_by.is_same_person(who) {
            return Err(ProposalRefusal::FourEyes.into());
        }
        let outcome = BankBreakOutcome::Rejected { because };
        let decision = BankBreakDecision { by: who.clone(), at: now, outcome };
        bank_breaks::decide(tx, id, waiting.number, &decision)?;
        Ok::<_, ReconcileRefusal>(bank_breaks::set_state(tx, id, BankBreakState::Open, now)?)
    })?;
    read(db, id)
}

/// In the writer's transaction, because it may post.
fn keep_approval(
    who: &StaffId,
    work: &mut Work<'_>,
    id: BankEntryId,
    number: i64,
) -> Result<(), RecordError> {
    let now = work.now;
    let found = lock(&mut work.tx, id)?.ok_or(ProposalRefusal::Unknown)?;
    let proposal = waiting(&mut work.tx, &found)?;
    if proposal.number != number {
        return Err(ProposalRefusal::OtherProposal.into());
    }
    if proposal.proposed_by.is_same_person(who) {
        return Err(ProposalRefusal::FourEyes.into());
    }
    check_fits(&found, proposal.action)?;
    let transaction = match proposal.action {
        BankBreakAction::Accept => {
            accept(work, &found, who, &proposal)?;
            None
        }
        BankBreakAction::Confirm => {
            confirm(work, &found, who, &proposal)?;
            None
        }
        BankBreakAction::Charge => Some(charge(work, &found, who, &proposal)?),
    };
    let outcome = BankBreakOutcome::Approved { transaction };
    let decision = BankBreakDecision { by: who.clone(), at: now, outcome };
    bank_breaks::decide(&mut work.tx, id, proposal.number, &decision)?;
    Ok(bank_breaks::set_state(&mut work.tx, id, proposal.action.outcome(), now)?)
}

/// What the bank says is so. Where its partner did not get the money of an order, what the order was for is
/// owed anew; money that went elsewhere is claimed outside of the books.
fn accept(
    work: &mut Work<'_>,
    found: &BankBreak,
    who: &StaffId,
    proposal: &BankBreakProposal,
) -> Result<(), RecordError> {
    if !ends_order(found) {
        return Ok(());
    }
    let payout = payout_of(work, found)?;
    if !payout.state.is_open() {
        return Ok(());
    }
    let code = Some(found.code.name().to_owned());
    let reason = BankReason { code, text: Some(proposal.reason.clone()) };
    let cause = StepCause { entry: Some(found.id), by: who, reason };
    go_on(work, &payout, PayoutState::Rejected, cause)
}

/// Whether the bank says that the partner did not get the money: it was paid to another account, or the order
/// was rejected after it had been carried out.
fn ends_order(found: &BankBreak) -> bool {
    let is_rejected = matches!(found.entry.status.as_deref(), Some("RJCT" | "CANC"));
    match found.code {
        BankBreakCode::AccountDiff => found.entry.kind == "debit",
        BankBreakCode::Contradicts => is_rejected,
        BankBreakCode::NotOrdered
        | BankBreakCode::AmountDiff
        | BankBreakCode::PaidTwice
        | BankBreakCode::ReturnedEarly => false,
    }
}

/// The entry is the payment of the payout after all.
fn confirm(
    work: &mut Work<'_>,
    found: &BankBreak,
    who: &StaffId,
    proposal: &BankBreakProposal,
) -> Result<(), RecordError> {
    let payout = payout_of(work, found)?;
    if !payout.state.is_open() {
        return Err(ProposalRefusal::Overtaken.into());
    }
    let reason = BankReason { code: None, text: Some(proposal.reason.clone()) };
    let cause = StepCause { entry: Some(found.id), by: who, reason };
    go_on(work, &payout, PayoutState::Paid, cause)
}

/// The partner has the money beyond what was owed: it is taken off what is owed next. A payout that was
/// paid with another amount is over, and what it was for is owed anew.
fn charge(
    work: &mut Work<'_>,
    found: &BankBreak,
    who: &StaffId,
    proposal: &BankBreakProposal,
) -> Result<TransactionId, RecordError> {
    let payout = payout_of(work, found)?;
    refuse_frozen(work, &payout.partner)?;
    let amount = charged(found).ok_or(ProposalRefusal::Unfit)?;
    // A payout that went on meanwhile keeps its state; the partner has the money all the same.
    if found.code == BankBreakCode::AmountDiff && payout.state.is_open() {
        let code = Some(found.code.name().to_owned());
        let reason = BankReason { code, text: Some(proposal.reason.clone()) };
        let cause = StepCause { entry: Some(found.id), by: who, reason };
        go_on(work, &payout, PayoutState::Rejected, cause)?;
    }
    let why = PayoutReason::PayoutCharged {
        rule: PayoutReason::CHARGED,
        amount,
        statement_no: payout.statement_no(),
        because: proposal.reason.clone(),
        proposed_by: proposal.proposed_by.clone(),
        approved_by: who.clone(),
    };
    let (step, partner) = (PayoutStep::Charged, payout.partner);
    work.post_payout(PayoutPosting { step, partner, amount, why })
}

/// What a charge takes back; `None` where the bank booked no amount that can be one.
fn charged(found: &BankBreak) -> Option<Amount> {
    let value = found.entry.value.as_ref();
    let booked = value.filter(|value| value.currency == Asset::CNY.code());
    let minor =
        booked.map(|value| value.minor).filter(|minor| (1..=CHARGED_MAX).contains(minor))?;
    Some(Amount::from_minor(minor, Asset::CNY))
}

fn payout_of(work: &mut Work<'_>, found: &BankBreak) -> Result<PayoutRecord, RecordError> {
    let message_id = found.payout.as_deref().ok_or(ProposalRefusal::Unfit)?;
    let payout = payouts::get(work.tx.db(), message_id)?;
    Ok(payout.ok_or(StoreError::Corrupt("bank_breaks.payout"))?)
}

fn check_fits(found: &BankBreak, action: BankBreakAction) -> Result<(), ProposalRefusal> {
    if fits(found, action) { Ok(()) } else { Err(ProposalRefusal::Unfit) }
}

/// Whether something may be done about a break of the bank.
#[must_use]
pub fn fits(found: &BankBreak, action: BankBreakAction) -> bool {
    let booked = match found.entry.kind.as_str() {
        "debit" => Some(BookingDirection::Debit),
        "credit" => Some(BookingDirection::Credit),
        _ => None,
    };
    found.code.allows(action, booked)
}

/// No file of the bank comes between until the transaction ends.
fn lock(tx: &mut LedgerTx<'_>, id: BankEntryId) -> Result<Option<BankBreak>, StoreError> {
    payouts::lock(tx)?;
    bank_breaks::get(tx.db(), id)
}

fn waiting(tx: &mut LedgerTx<'_>, found: &BankBreak) -> Result<BankBreakProposal, RecordError> {
    let last = bank_breaks::last_proposal(tx.db(), found.id)?;
    let waiting = last.filter(|last| last.decision.is_none());
    match waiting {
        Some(proposal) if found.state == BankBreakState::Proposed => Ok(proposal),
        Some(_) | None => Err(ProposalRefusal::NoneWaits.into()),
    }
}
