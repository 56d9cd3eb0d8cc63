//! What the bank answers comes in: each entry once, in one transaction with what follows from it.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::bank::code::{BankBreakCode, BankBreakState};
use super::bank::judge::{EntryVerdict, OrderedPayout, judge};
use super::bank::message::{BankEntry, BankFile, BankFileKind, BankReason, BankSaid, masked};
use super::bank::state::PayoutState;
use super::bank::{self, BankFileFault};
use super::refusal::ReconcileRefusal;
use crate::books::Books;
use crate::ids::{BankEntryId, StaffId, sha256};
use crate::program::PayoutReason;
use crate::store::bank_breaks::NewBankBreak;
use crate::store::bank_files::{EntryOutcome, FileReceipt};
use crate::store::payouts::{PayoutMove, PayoutRecord};
use crate::store::{Db, bank_breaks, bank_files, payouts};
use crate::writer::{PayoutPosting, PayoutStep, RecordError, Work};

/// A file of the bank that was taken in.
#[derive(Clone, Debug)]
pub struct BankFileResult {
    pub sha256: [u8; 32],
    pub kind: BankFileKind,
    pub message_id: String,
    /// Whether the same file had come before.
    pub is_before: bool,
    /// Payments that the file names.
    pub entries: usize,
    /// What its new entries came to, by outcome.
    pub outcomes: BTreeMap<String, i64>,
    /// Breaks that it opened, the first hundred.
    pub breaks: Vec<BankEntryId>,
}

const BREAKS_SHOWN: i64 = 100;

/// A file of the bank as it was read.
#[derive(Clone, Debug)]
pub struct ReadBankFile {
    sha256: [u8; 32],
    file: BankFile,
}

/// Reads a file of the bank: `camt.053`, `camt.054` or `pain.002`. It needs no database, and may take long.
///
/// # Errors
/// [`ReconcileRefusal::BankFile`].
pub fn read(bytes: &[u8]) -> Result<ReadBankFile, ReconcileRefusal> {
    Ok(ReadBankFile { sha256: sha256(bytes), file: bank::read(bytes)? })
}

/// Takes a file of the bank in. The same file again, and an entry that another file has brought, have no
/// effect.
///
/// # Errors
/// [`ReconcileRefusal::BankFile`]; nothing of the file is kept then.
pub async fn import(
    who: &StaffId,
    books: &Books,
    read: ReadBankFile,
) -> Result<BankFileResult, ReconcileRefusal> {
    let ReadBankFile { sha256, file } = read;
    let by = who.clone();
    let check = move |db: &mut Db| {
        refuse_own_orders(&by, db, &file)?;
        match &file.account {
            Some(account) if !payouts::is_payer(db, account)? => {
                Err(BankFileFault::OtherAccount(masked(account)).into())
            }
            Some(_) | None => Ok::<_, ReconcileRefusal>(file),
        }
    };
    let file = books.ask_or(check).await?;
    let (kind, message_id, entries) = (file.kind, file.message_id.clone(), file.entries.len());
    let by = who.clone();
    let is_new = books.writer.run(move |work| keep(&by, work, &sha256, &file)).await?;
    let read = books.ask_or(move |db| {
        let outcomes = bank_files::outcomes(db, &sha256)?;
        Ok::<_, ReconcileRefusal>((outcomes, bank_files::breaks_of(db, &sha256, BREAKS_SHOWN)?))
    });
    let (outcomes, breaks) = read.await?;
    let outcomes = outcomes.into_iter().collect();
    tracing::info!(by = %who, kind = kind.name(), message_id, entries, is_new, "bank file");
    let is_before = !is_new;
    Ok(BankFileResult { sha256, kind, message_id, is_before, entries, outcomes, breaks })
}

/// That an order came to nothing is said by another person than the one who gave it out: the money is owed
/// anew then.
fn refuse_own_orders(by: &StaffId, db: &mut Db, file: &BankFile) -> Result<(), ReconcileRefusal> {
    for entry in file.entries.iter().filter(|entry| entry.said.undoes()) {
        let payout = payouts::named(db, &entry.order)?;
        if payout.is_some_and(|payout| payout.ordered_by.is_same_person(by)) {
            return Err(ReconcileRefusal::OwnOrder(entry.line));
        }
    }
    Ok(())
}

fn keep(
    by: &StaffId,
    work: &mut Work<'_>,
    sha256: &[u8; 32],
    file: &BankFile,
) -> Result<bool, RecordError> {
    payouts::lock(&mut work.tx)?;
    let receipt = FileReceipt { sha256, by, at: work.now };
    if !bank_files::insert(&mut work.tx, file, &receipt)? {
        return Ok(false);
    }
    for entry in &file.entries {
        if !bank_files::has_entry(work.tx.db(), entry.id)? {
            keep_entry(work, &receipt, entry)?;
        }
    }
    Ok(true)
}

fn keep_entry(
    work: &mut Work<'_>,
    receipt: &FileReceipt<'_>,
    entry: &BankEntry,
) -> Result<(), RecordError> {
    let payout = payouts::named(work.tx.db(), &entry.order)?;
    let is_paid_twice = match &payout {
        Some(payout) => bank_breaks::has_paid_twice(work.tx.db(), &payout.message_id)?,
        None => false,
    };
    let is_settled = match (&payout, &entry.said) {
        (Some(payout), BankSaid::Status { .. }) => {
            bank_files::has_settled(work.tx.db(), &payout.message_id)?
        }
        (Some(_), BankSaid::Booked(_)) | (None, _) => false,
    };
    let ordered = payout.as_ref().map(|payout| OrderedPayout {
        amount: payout.amount,
        payee_account: &payout.payee_account,
        state: payout.state,
        is_paid_twice,
        is_settled,
    });
    let verdict = judge(ordered.as_ref(), &entry.said);
    let message_id = payout.as_ref().map(|payout| payout.message_id.as_str());
    let outcome = EntryOutcome { payout: message_id, verdict };
    bank_files::insert_entry(&mut work.tx, receipt.sha256, entry, &outcome)?;
    match (verdict, payout) {
        (EntryVerdict::Moves(state), Some(payout)) => {
            let reason = entry.said.reason().clone();
            let cause = StepCause { entry: Some(entry.id), by: receipt.by, reason };
            go_on(work, &payout, state, cause)
        }
        (EntryVerdict::Breaks(code), payout) => open_break(work, entry.id, code, payout.as_ref()),
        (EntryVerdict::Moves(_) | EntryVerdict::Known, _) => Ok(()),
    }
}

fn open_break(
    work: &mut Work<'_>,
    id: BankEntryId,
    code: BankBreakCode,
    payout: Option<&PayoutRecord>,
) -> Result<(), RecordError> {
    let opened_at = work.now;
    let due = opened_at.plus(TimeDelta::days(code.due_days()));
    let new = NewBankBreak {
        id,
        code,
        payout: payout.map(|payout| payout.message_id.as_str()),
        opened_at,
        due_on: due.day_in(work.bank.time_zone),
    };
    Ok(bank_breaks::insert(&mut work.tx, &new)?)
}

/// Why a payout goes on.
pub(super) struct StepCause<'a> {
    pub entry: Option<BankEntryId>,
    pub by: &'a StaffId,
    pub reason: BankReason,
}

/// Takes a payout to its next state, and posts what follows.
pub(super) fn go_on(
    work: &mut Work<'_>,
    payout: &PayoutRecord,
    state: PayoutState,
    cause: StepCause<'_>,
) -> Result<(), RecordError> {
    let (amount, statement_no) = (payout.amount, payout.statement_no());
    let code = cause.reason.code.clone();
    let (rejected, returned) = (PayoutReason::REJECTED, PayoutReason::RETURNED);
    let posting = match state {
        PayoutState::Ordered | PayoutState::Accepted => None,
        PayoutState::Paid => {
            let rule = PayoutReason::PAID;
            Some((PayoutStep::Paid, PayoutReason::PayoutPaid { rule, amount, statement_no }))
        }
        PayoutState::Rejected => {
            let why = PayoutReason::PayoutRejected { rule: rejected, amount, statement_no, code };
            Some((PayoutStep::Rejected, why))
        }
        PayoutState::Returned => {
            let why = PayoutReason::PayoutReturned { rule: returned, amount, statement_no, code };
            Some((PayoutStep::Returned, why))
        }
    };
    let partner = payout.partner.clone();
    let transaction =
        posting.map(|(step, why)| work.post_payout(PayoutPosting { step, partner, amount, why }));
    let StepCause { entry, by, reason } = cause;
    let (at, by) = (work.now, by.clone());
    let transaction = transaction.transpose()?;
    let step = PayoutMove { state, entry, by: by.clone(), reason, transaction, at };
    payouts::advance(&mut work.tx, &payout.message_id, &step)?;
    if state == PayoutState::Paid { settle_early_return(work, payout, &by) } else { Ok(()) }
}

/// What came back before its payment was known is explained now.
fn settle_early_return(
    work: &mut Work<'_>,
    payout: &PayoutRecord,
    by: &StaffId,
) -> Result<(), RecordError> {
    let early = bank_breaks::returned_early(work.tx.db(), &payout.message_id)?;
    let Some(id) = early else { return Ok(()) };
    let reason = bank_breaks::get(work.tx.db(), id)?.map(|it| it.entry.reason);
    let now = work.now;
    bank_breaks::set_state(&mut work.tx, id, BankBreakState::Cleared, now)?;
    let cause = StepCause { entry: Some(id), by, reason: reason.unwrap_or_default() };
    go_on(work, payout, PayoutState::Returned, cause)
}
