//! A partner's month is closed: one person proposes it with its statement, another closes. What is
//! recorded after the cut falls into the next month, whatever its day.

use std::collections::BTreeMap;

use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::settled_entries::{EntryPlace, SettledMonth};
use super::settled_entry::EntriesHash;
use super::settlement::{
    Moved, Movements, OWED, PayoutAccounts, SettlementStatement, SettlementTerms, StatementBefore,
    settle, statement_no,
};
use crate::clock::Moment;
use crate::ids::{PartnerId, StaffId, sha256};
use crate::ledger::chain::Hash;
use crate::money::{Amount, Asset};
use crate::partner::Partner;
use crate::store::outbox::Kind;
use crate::store::settlements::{Settlement, SettlementState};
use crate::store::{Db, LedgerTx, freezes, settlements};
use crate::writer::announce::{self, News, announce};

const ROWS_AT_ONCE: i64 = 10_000;

type Done<T> = Result<T, ReconcileRefusal>;

/// Proposes the close of a month that is over, with everything that is recorded now. The time is the
/// database's, which all gateways share.
///
/// # Errors
/// [`ReconcileRefusal::MonthNotOver`], [`ReconcileRefusal::MonthClosed`], [`ReconcileRefusal::MonthSkipped`],
/// [`ReconcileRefusal::CloseWaits`], [`ReconcileRefusal::PartnerFrozen`].
pub fn propose(
    who: &StaffId,
    db: &mut Db,
    order: &RunOrder,
    partner: &Partner,
) -> Done<Settlement> {
    let now = settlements::clock(db)?;
    if order.period.span(order.zone).until > now {
        return Err(ReconcileRefusal::MonthNotOver);
    }
    let before = settlements::last_closed(db, &order.partner, None)?;
    if before.as_ref().is_some_and(|before| before.period >= order.period) {
        return Err(ReconcileRefusal::MonthClosed);
    }
    // Months are closed one after the other, from the first that was closed.
    let next = before.map(|before| before.period.next());
    if let Some(next) = next.filter(|next| *next != order.period) {
        return Err(ReconcileRefusal::MonthSkipped(next));
    }
    let number = settlements::newest(db, &order.partner, order.period)?;
    let number = number.map_or(0, |newest| newest.number).saturating_add(1);
    let open = open_breaks(db, order)?;
    let statement = draw_up(db, order, partner, Drawn { number, cut_at: now, open })?;
    let content = serde_json::to_string(&statement)?;
    let settlement = Settlement {
        partner: order.partner.clone(),
        period: order.period,
        number,
        cut_at: now,
        sha256: sha256(content.as_bytes()),
        content,
        carried: statement.carried_forward,
        proposed_by: who.clone(),
        proposed_at: now,
        state: SettlementState::Proposed,
    };
    db.write(|tx| {
        refuse_frozen(tx, &order.partner)?;
        if !settlements::insert(tx, &settlement)? {
            return Err(ReconcileRefusal::CloseWaits);
        }
        // The month may have been closed while the statement was drawn up.
        let closed = settlements::closed(tx.db(), &order.partner, order.period)?;
        if closed.is_some() { Err(ReconcileRefusal::MonthClosed) } else { Ok(()) }
    })?;
    Ok(settlement)
}

/// Another person closes the month. What was being recorded at the cut is waited for; since the proposal
/// nothing is recorded before it. The proposal must be the one that the person has looked at, by the SHA-256 of
/// its statement. The statement is drawn up once more, and must be the same: what moved, the accounts that it
/// is paid from and to, and the rates of tax.
///
/// # Errors
/// [`ReconcileRefusal::FourEyes`], [`ReconcileRefusal::NoClose`], [`ReconcileRefusal::OtherClose`],
/// [`ReconcileRefusal::Changed`], [`ReconcileRefusal::PartnerFrozen`].
pub fn close(
    who: &StaffId,
    db: &mut Db,
    order: &RunOrder,
    partner: &Partner,
    looked_at: &[u8; 32],
) -> Done<Settlement> {
    let waiting = waiting(db, order)?;
    if waiting.sha256 != *looked_at {
        return Err(ReconcileRefusal::OtherClose);
    }
    if waiting.proposed_by.is_same_person(who) {
        return Err(ReconcileRefusal::FourEyes);
    }
    if !settlements::await_writers(db)? {
        return Err(ReconcileRefusal::StillRecording);
    }
    let (number, cut_at) = (waiting.number, waiting.cut_at);
    let open = open_breaks(db, order)?;
    let again = draw_up(db, order, partner, Drawn { number, cut_at, open })?;
    if sha256(&serde_json::to_vec(&again)?) != waiting.sha256 {
        return Err(ReconcileRefusal::Changed);
    }
    let state = SettlementState::Closed { by: who.clone(), at: settlements::clock(db)? };
    decide(db, Settlement { state, ..waiting })
}

/// The breaks of the month that nobody has decided on, by code.
fn open_breaks(db: &mut Db, order: &RunOrder) -> Done<BTreeMap<String, u64>> {
    let found = settlements::open_breaks(db, &order.partner, order.period)?;
    let counted =
        found.into_iter().filter_map(|(code, count)| Some((code, u64::try_from(count).ok()?)));
    Ok(counted.collect())
}

/// The proposal that was looked at comes to nothing. Whoever made the proposal does not take the proposal back
/// alone: the second person would read one statement, and close another.
///
/// # Errors
/// [`ReconcileRefusal::NoClose`], [`ReconcileRefusal::OtherClose`], [`ReconcileRefusal::FourEyes`].
pub fn reject(
    who: &StaffId,
    db: &mut Db,
    order: &RunOrder,
    looked_at: &[u8; 32],
) -> Done<Settlement> {
    let state = SettlementState::Rejected { by: who.clone(), at: settlements::clock(db)? };
    let waiting = waiting(db, order)?;
    if waiting.sha256 != *looked_at {
        return Err(ReconcileRefusal::OtherClose);
    }
    if waiting.proposed_by.is_same_person(who) {
        return Err(ReconcileRefusal::FourEyes);
    }
    decide(db, Settlement { state, ..waiting })
}

/// Keeps what was decided, unless somebody else was first.
fn decide(db: &mut Db, settlement: Settlement) -> Done<Settlement> {
    db.write(|tx| {
        if matches!(settlement.state, SettlementState::Closed { .. }) {
            refuse_frozen(tx, &settlement.partner)?;
        }
        if !settlements::decide(tx, &settlement)? {
            return Err(ReconcileRefusal::NoClose);
        }
        if let SettlementState::Closed { at, .. } = settlement.state {
            tell(tx, &settlement, at)?;
        }
        Ok(())
    })?;
    Ok(settlement)
}

/// The partner's webhooks learn that its statement is there.
fn tell(tx: &mut LedgerTx<'_>, settlement: &Settlement, at: Moment) -> Done<()> {
    let statement = statement_no(&settlement.partner, settlement.period, settlement.number);
    let mut subject = [0; 16];
    subject.iter_mut().zip(sha256(statement.as_bytes())).for_each(|(to, from)| *to = from);
    let data = announce::Data::Settlement {
        statement_no: &statement,
        period: settlement.period.to_string(),
        sha256: Hash(settlement.sha256),
    };
    let kind = Kind::SettlementReady;
    let news = News { partner: &settlement.partner, kind, subject, revision: 1, data };
    announce(tx, &[news], at)?;
    Ok(())
}

/// No freeze comes between until the transaction ends.
fn refuse_frozen(tx: &mut LedgerTx<'_>, partner: &PartnerId) -> Done<()> {
    if freezes::is_frozen_throughout(tx, partner)? {
        Err(ReconcileRefusal::PartnerFrozen)
    } else {
        Ok(())
    }
}

/// The statement of a month as it is kept: the one that is closed, else the newest.
///
/// # Errors
/// [`ReconcileRefusal::NoClose`].
pub fn read(db: &mut Db, order: &RunOrder) -> Done<Settlement> {
    let closed = settlements::closed(db, &order.partner, order.period)?;
    if let Some(closed) = closed {
        return Ok(closed);
    }
    settlements::newest(db, &order.partner, order.period)?.ok_or(ReconcileRefusal::NoClose)
}

/// What a statement says beside what the ledger and the manifest say.
struct Drawn {
    number: i64,
    cut_at: Moment,
    /// Breaks that were open when it was proposed, by code.
    open: BTreeMap<String, u64>,
}

/// The statement from the ledger, as of a cut. The same cut and manifest give the same bytes.
fn draw_up(
    db: &mut Db,
    order: &RunOrder,
    manifest: &Partner,
    drawn: Drawn,
) -> Done<SettlementStatement> {
    let Drawn { number, cut_at, open } = drawn;
    let before = settlements::last_closed(db, &order.partner, Some(order.period))?;
    let opening = before.as_ref().map_or(Amount::zero(Asset::CNY), |before| before.carried);
    let month = SettledMonth::new(order, cut_at, before.as_ref());
    let moved = movements(db, &month)?;
    let partner: PartnerId = order.partner.clone();
    let period = order.period;
    let before = before.map(|before| StatementBefore {
        statement_no: statement_no(&before.partner, before.period, before.number),
        sha256: Hash(before.sha256),
        until: before.period.span(order.zone).until,
        cut_at: before.cut_at,
        carried_forward: before.carried,
    });
    let (accounts, tax) = (accounts(manifest), manifest.tax.clone());
    let terms = SettlementTerms { partner, period, number, cut_at, opening, before, accounts, tax };
    Ok(settle(&terms, &moved, open)?)
}

/// What the programme and the manifest say now.
fn accounts(partner: &Partner) -> Option<PayoutAccounts> {
    let (payer, payee) = (partner.programme.payout.clone()?, partner.account.clone()?);
    Some(PayoutAccounts { payer, payee })
}

/// All entries of the month, summed and hashed.
fn movements(db: &mut Db, month: &SettledMonth) -> Done<Moved> {
    let (mut sums, mut hash) = (Movements::default(), EntriesHash::default());
    for account in OWED {
        let mut place = Some(EntryPlace { account, after: None });
        while let Some(from) = place {
            let part = month.part(db, &[account], from, ROWS_AT_ONCE)?;
            place = part.next;
            for entry in &part.entries {
                sums.add(entry.account, entry.kind, entry.when, entry.amount.minor());
                hash.add(entry);
            }
        }
    }
    Ok(Moved { sums, entries: hash.finish() })
}

fn waiting(db: &mut Db, order: &RunOrder) -> Done<Settlement> {
    settlements::newest(db, &order.partner, order.period)?
        .filter(|newest| newest.state == SettlementState::Proposed)
        .ok_or(ReconcileRefusal::NoClose)
}
