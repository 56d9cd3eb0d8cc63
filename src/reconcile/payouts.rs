//! What a closed month is paid by. People take the file to the bank's own channel; nothing is sent from here.

use serde::Deserialize;

use super::bank::state::PayoutState;
use super::closing;
use super::payout::Payout;
use super::period::Period;
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::settlement::PayoutAccounts;
use crate::clock;
use crate::ids::{PartnerId, StaffId};
use crate::money::{Amount, Asset};
use crate::store::payouts::{PayoutMove, PayoutRecord};
use crate::store::settlements::SettlementState;
use crate::store::{Db, StoreError, freezes, payouts};

/// A file for the bank.
#[derive(Clone, Debug)]
pub struct PayoutFile {
    pub message_id: String,
    pub xml: String,
}

/// What is read again of a statement that is kept.
#[derive(Deserialize)]
struct KeptPayout {
    statement_no: String,
    payout: String,
    #[serde(flatten)]
    accounts: Option<PayoutAccounts>,
}

/// The payment order of a month that is closed, to the account that two people closed with it. The same
/// month gives the same bytes, whatever the manifest says now.
///
/// # Errors
/// [`ReconcileRefusal::NoClose`], [`ReconcileRefusal::NotClosed`], [`ReconcileRefusal::NothingToPay`],
/// [`ReconcileRefusal::NoAccount`], [`ReconcileRefusal::PartnerFrozen`].
pub fn file(who: &StaffId, db: &mut Db, order: &RunOrder) -> Result<PayoutFile, ReconcileRefusal> {
    let settlement = closing::read(db, order)?;
    let SettlementState::Closed { at, .. } = settlement.state else {
        return Err(ReconcileRefusal::NotClosed);
    };
    if freezes::of(db, &order.partner)?.is_some() {
        return Err(ReconcileRefusal::PartnerFrozen);
    }
    let kept: KeptPayout = serde_json::from_str(&settlement.content)?;
    let amount = Amount::parse(&kept.payout, Asset::CNY)?;
    if amount.minor() <= 0 {
        return Err(ReconcileRefusal::NothingToPay);
    }
    let accounts = kept.accounts.ok_or(ReconcileRefusal::NoAccount)?;
    let payout = Payout {
        statement_no: &kept.statement_no,
        statement_sha256: &settlement.sha256,
        amount,
        closed_at: at,
        execute_on: at.day_in(order.zone),
        payer: &accounts.payer,
        payee: &accounts.payee,
    };
    let message_id = payout.message_id();
    let record = PayoutRecord {
        message_id: message_id.clone(),
        partner: order.partner.clone(),
        period: order.period,
        number: settlement.number,
        end_to_end_id: payout.end_to_end_id(),
        amount,
        payer_account: accounts.payer.number.clone(),
        payee_account: accounts.payee.number.clone(),
        state: PayoutState::Ordered,
        ordered_by: who.clone(),
        ordered_at: clock::now(),
    };
    keep(db, &record)?;
    let xml = payout.pain_001().map_err(ReconcileRefusal::Template)?;
    tracing::info!(by = %who, partner = %order.partner, period = %order.period, message_id, "payout file");
    Ok(PayoutFile { message_id, xml })
}

/// Notes that the order was given out. A month is ordered once, between the same accounts, and not again
/// when the bank has said what became of it.
fn keep(db: &mut Db, record: &PayoutRecord) -> Result<(), ReconcileRefusal> {
    db.write(|tx| {
        payouts::lock(tx)?;
        payouts::insert(tx, record)?;
        let kept = payouts::of_month(tx.db(), &record.partner, record.period)?;
        match kept {
            Some(kept) if kept.message_id != record.message_id => {
                Err(ReconcileRefusal::PayoutOrdered)
            }
            Some(kept) if !kept.state.is_open() => Err(ReconcileRefusal::PayoutOver(kept.state)),
            Some(_) | None => Ok(()),
        }
    })
}

/// A payout, and how it came where it stands.
#[derive(Clone, Debug)]
pub struct PayoutHistory {
    pub payout: PayoutRecord,
    pub moves: Vec<PayoutMove>,
}

/// Where the payout of a month stands. `None`: no order was given out.
///
/// # Errors
/// The store's.
pub fn history(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Option<PayoutHistory>, StoreError> {
    let Some(payout) = payouts::of_month(db, partner, period)? else {
        return Ok(None);
    };
    let moves = payouts::moves(db, &payout.message_id)?;
    Ok(Some(PayoutHistory { payout, moves }))
}
