//! What a closed month is paid by. People take the file to the bank's own channel; nothing is sent from here.

use serde::Deserialize;

use super::closing;
use super::payout::Payout;
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use crate::ids::StaffId;
use crate::money::{Amount, Asset};
use crate::partner::Partner;
use crate::store::settlements::SettlementState;
use crate::store::{Db, freezes};

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
}

/// The payment order of a month that is closed. The same month gives the same bytes.
///
/// # Errors
/// [`ReconcileRefusal::NoClose`], [`ReconcileRefusal::NotClosed`], [`ReconcileRefusal::NothingToPay`],
/// [`ReconcileRefusal::NoAccount`], [`ReconcileRefusal::PartnerFrozen`].
pub fn file(
    who: &StaffId,
    db: &mut Db,
    order: &RunOrder,
    partner: &Partner,
) -> Result<PayoutFile, ReconcileRefusal> {
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
    let payer = partner.programme.payout.as_ref();
    let payer = payer.ok_or(ReconcileRefusal::NoAccount("programme.toml has no [payout]"))?;
    let payee = partner.account.as_ref();
    let payee =
        payee.ok_or(ReconcileRefusal::NoAccount("the partner's manifest has no [account]"))?;
    let payout = Payout {
        statement_no: &kept.statement_no,
        statement_sha256: &settlement.sha256,
        amount,
        closed_at: at,
        execute_on: at.day_in(order.zone),
        payer,
        payee,
    };
    let message_id = payout.message_id();
    let xml = payout.pain_001().map_err(ReconcileRefusal::Template)?;
    tracing::info!(by = %who, partner = %order.partner, period = %order.period, message_id, "payout file");
    Ok(PayoutFile { message_id, xml })
}
