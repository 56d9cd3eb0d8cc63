//! Staff hand in what the bank answers, and read where a payout stands.

use std::collections::BTreeMap;

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::settlements::read_month;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::staff::{Reconcile, Settle, Staff};
use crate::http::problem::{MEDIA_TYPE, Problem};
use crate::http::server::media::content_type;
use crate::http::server::paths::REPLAYED;
use crate::ids::{BankEntryId, PartnerId, StaffId, TransactionId};
use crate::ledger::chain::Hash;
use crate::money::Amount;
use crate::reconcile::bank_files::{self, BankFileResult};
use crate::reconcile::payouts::{self, PayoutHistory};
use crate::reconcile::period::Period;
use crate::store::Db;
use crate::store::payouts::PayoutMove;

/// What a file of the bank came to.
#[derive(Serialize, ToSchema)]
#[schema(as = BankFile)]
pub(in crate::http) struct View {
    sha256: Hash,
    /// `camt.053`, `camt.054` or `pain.002`.
    kind: &'static str,
    /// The bank's id of the message.
    message_id: String,
    /// Payments that the file names.
    entries: usize,
    /// What became of those that no other file had brought: how many by `accepted`, `rejected`, `paid`,
    /// `returned`, `known` and `break`.
    outcomes: BTreeMap<String, i64>,
    /// Breaks that it opened, the first hundred.
    breaks: Vec<BankEntryId>,
}

/// Where the payout of a month stands.
#[derive(Serialize, ToSchema)]
#[schema(as = PayoutState)]
pub(in crate::http) struct StateView {
    partner: PartnerId,
    period: Period,
    /// The `MsgId` of the order.
    message_id: String,
    end_to_end_id: String,
    amount: Amount,
    currency: &'static str,
    /// `ordered`, `accepted`, `rejected`, `paid` or `returned`.
    state: &'static str,
    /// How it came there, the first step first.
    history: Vec<MoveView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PayoutMove)]
struct MoveView {
    state: &'static str,
    at: Moment,
    /// Who gave the order out, took the bank's file in, or approved.
    by: StaffId,
    /// The bank's code for its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason_code: Option<String>,
    /// The reason in the words of the bank, or of whoever decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// What the bank said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bank_entry: Option<BankEntryId>,
    /// What it posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    transaction: Option<TransactionId>,
}

/// What the bank answers: ISO 20022, camt.053, camt.054 or pain.002. Each of its payments is held against
/// the payouts that were ordered. The same file again has no effect.
#[utoipa::path(
    post, path = "/v1/reconciliation/bank-statements", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    request_body(content((String = "application/xml"))),
    responses(
        (status = 201, description = "Taken in.", body = View),
        (status = 200, description = "The same file had come before.", body = View),
    )
)]
pub async fn post_bank_statement(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let sent = content_type(request.headers())?;
    if !matches!(sent.as_deref(), Some("application/xml" | "text/xml")) {
        let detail = "Send it as one of application/xml, text/xml.".to_owned();
        return Err(Problem::new(&MEDIA_TYPE, detail));
    }
    let place = Arc::new(gateway.long_work.enter()?);
    let kept = Arc::clone(&place);
    let read = web::block(move || {
        let _place = kept;
        bank_files::read(&body)
    });
    let read = read.await.map_err(Problem::internal)??;
    let done = bank_files::import(&staff.id, &gateway.main, read).await?;
    drop(place);
    let is_before = done.is_before;
    let view = View::of(done);
    Ok(if is_before {
        HttpResponse::Ok().insert_header((REPLAYED, "true")).json(view)
    } else {
        HttpResponse::Created().json(view)
    })
}

/// Where the payout of a month stands, and how it came there. Without an order that was given out there
/// is none.
#[utoipa::path(
    get, path = "/v1/settlements/{partner}/{period}/payout/state", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
    ),
    responses((status = 200, description = "The payout.", body = StateView))
)]
pub async fn get_payout_state(
    _staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let read = move |db: &mut Db| payouts::history(db, &order.partner, order.period);
    let found = gateway.main.ask(read).await?.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(StateView::of(found)))
}

impl View {
    fn of(done: BankFileResult) -> Self {
        Self {
            sha256: Hash(done.sha256),
            kind: done.kind.name(),
            message_id: done.message_id,
            entries: done.entries,
            outcomes: done.outcomes,
            breaks: done.breaks,
        }
    }
}

impl StateView {
    fn of(history: PayoutHistory) -> Self {
        let PayoutHistory { payout, moves } = history;
        Self {
            partner: payout.partner,
            period: payout.period,
            message_id: payout.message_id,
            end_to_end_id: payout.end_to_end_id,
            currency: payout.amount.asset().code(),
            amount: payout.amount,
            state: payout.state.name(),
            history: moves.into_iter().map(MoveView::of).collect(),
        }
    }
}

impl MoveView {
    fn of(step: PayoutMove) -> Self {
        Self {
            state: step.state.name(),
            at: step.at,
            by: step.by,
            reason_code: step.reason.code,
            reason: step.reason.text,
            bank_entry: step.entry,
            transaction: step.transaction,
        }
    }
}
