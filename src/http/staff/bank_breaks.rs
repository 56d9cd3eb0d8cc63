//! Staff work through entries of the bank that fit no payout: one proposes, another decides.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::{self, Moment};
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::staff::{ReadBreaks, Reconcile, Settle, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::{
    BankBreakProposalBody, BreakApprovalBody, BreakRejectionBody,
};
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::http::staff::breaks::{read_number, read_rejection};
use crate::http::staff::reason::read_reason;
use crate::ids::{BankEntryId, StaffId, TransactionId};
use crate::reconcile::bank::code::{BankBreakAction, BankBreakState};
use crate::reconcile::bank_breaks::{self, BankBreakDetail, BankBreakOrder};
use crate::store;
use crate::store::bank_breaks::{
    BankBreakDecision, BankBreakOutcome, BankBreakPage, BankBreakProposal,
};

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// `open` without it.
    #[param(pattern = "^(open|proposed|accepted|confirmed|charged|cleared)$")]
    state: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// What the bank says, and fits no payout.
#[derive(Serialize, ToSchema)]
#[schema(as = BankBreak)]
pub(in crate::http) struct View {
    id: BankEntryId,
    /// Such as `BANK_PAID_TWICE`.
    code: &'static str,
    /// `open`, `proposed`, `accepted`, `confirmed`, `charged` or `cleared`.
    state: &'static str,
    says: &'static str,
    says_zh: &'static str,
    /// The `MsgId` of the payout that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payout: Option<String>,
    entry: EntryView,
    opened_at: Moment,
    age_days: i64,
    #[schema(value_type = String, format = Date)]
    due_on: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    closed_at: Option<Moment>,
    /// What was last proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    proposal: Option<ProposalView>,
}

/// What the bank said, as it said it.
#[derive(Serialize, ToSchema)]
#[schema(as = BankEntry)]
struct EntryView {
    /// `debit`, `credit` or `status`.
    kind: String,
    /// The line of its file.
    line: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    currency: Option<String>,
    /// The bank's own name for the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    end_to_end_id: Option<String>,
    /// The account of the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    counter_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    booked_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BankBreakProposal)]
struct ProposalView {
    number: i64,
    /// `accept`, `confirm` or `charge`.
    action: &'static str,
    reason: String,
    proposed_by: StaffId,
    proposed_at: Moment,
    /// `proposed`, `approved` or `rejected`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_by: Option<StaffId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_because: Option<String>,
    /// What a charge posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    transaction: Option<TransactionId>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BankBreaks)]
pub(in crate::http) struct Views {
    bank_breaks: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Breaks of the bank in one state, the oldest first.
#[utoipa::path(
    get, path = "/v1/bank-breaks", tag = "Reconciliation", security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_bank_breaks(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { state, cursor, limit } = page.into_inner();
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let state = read_state(state.as_deref().unwrap_or("open"))?;
    let asked = BankBreakPage { state, after: place.after, rows_max: place.rows_max() };
    let mut found = gateway.main.ask_or(move |db| bank_breaks::list(db, &asked)).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.found.opened_at, last.found.id));
    let bank_breaks = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { bank_breaks, next }))
}

/// One break of the bank.
#[utoipa::path(
    get, path = "/v1/bank-breaks/{bank_break}", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(("bank_break" = BankEntryId, Path, description = "The break.")),
    responses((status = 200, description = "The break.", body = View))
)]
pub async fn get_bank_break(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let found = gateway.main.ask_or(move |db| bank_breaks::read(db, id)).await?;
    Ok(HttpResponse::Ok().json(View::of(found)))
}

/// Proposes what is to be done: another person decides.
#[utoipa::path(
    post, path = "/v1/bank-breaks/{bank_break}/proposals", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(("bank_break" = BankEntryId, Path, description = "The break.")),
    request_body = BankBreakProposalBody,
    responses((status = 201, description = "Proposed.", body = View))
)]
pub async fn propose_for_bank_break(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let order = read_object(&body, read_proposal)?;
    let now = clock::now();
    let propose = move |db: &mut store::Db| bank_breaks::propose(&staff.id, db, id, order, now);
    Ok(HttpResponse::Created().json(View::of(gateway.main.ask_or(propose).await?)))
}

/// Another person has it done.
#[utoipa::path(
    post, path = "/v1/bank-breaks/{bank_break}/approval", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(("bank_break" = BankEntryId, Path, description = "The break.")),
    request_body = BreakApprovalBody,
    responses((status = 200, description = "Done.", body = View))
)]
pub async fn approve_for_bank_break(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let proposal = read_object(&body, read_number)?;
    let done = bank_breaks::approve(&staff.id, &gateway.main, id, proposal).await?;
    Ok(HttpResponse::Ok().json(View::of(done)))
}

/// The proposal comes to nothing.
#[utoipa::path(
    post, path = "/v1/bank-breaks/{bank_break}/rejection", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(("bank_break" = BankEntryId, Path, description = "The break.")),
    request_body = BreakRejectionBody,
    responses((status = 200, description = "Open again.", body = View))
)]
pub async fn reject_for_bank_break(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let rejection = read_object(&body, read_rejection)?;
    let now = clock::now();
    let reject = move |db: &mut store::Db| bank_breaks::reject(&staff.id, db, id, rejection, now);
    Ok(HttpResponse::Ok().json(View::of(gateway.main.ask_or(reject).await?)))
}

fn read_id(path: &str) -> Result<BankEntryId, Problem> {
    BankEntryId::parse(path).ok_or_else(Problem::not_found)
}

fn read_cursor(cursor: &str) -> Option<(Moment, BankEntryId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, BankEntryId::parse(id)?))
}

fn read_state(name: &str) -> Result<BankBreakState, Problem> {
    let names = BankBreakState::ALL.map(BankBreakState::name).join(", ");
    let expected = || Problem::parameter("state", &format!("expected {names}"));
    BankBreakState::by_name(name).ok_or_else(expected)
}

fn read_proposal(body: &mut FieldReader<'_>) -> Option<BankBreakOrder> {
    let action = body.text("action", 20);
    let reason = read_reason(body);
    let known = BankBreakAction::by_name(action?);
    if known.is_none() {
        let names = BankBreakAction::NAMES.join(", ");
        body.fail("action", format!("expected one of {names}"));
    }
    Some(BankBreakOrder { action: known?, reason: reason? })
}

impl View {
    fn of(detail: BankBreakDetail) -> Self {
        let BankBreakDetail { found, proposal } = detail;
        let until = found.closed_at.unwrap_or_else(clock::now);
        let entry = found.entry;
        let (amount, currency) = match entry.value {
            Some(value) => (Some(value.decimal()), Some(value.currency)),
            None => (None, None),
        };
        Self {
            id: found.id,
            code: found.code.name(),
            state: found.state.name(),
            says: found.code.says(),
            says_zh: found.code.says_zh(),
            payout: found.payout,
            entry: EntryView {
                kind: entry.kind,
                line: entry.line,
                amount,
                currency,
                reference: entry.reference,
                end_to_end_id: entry.end_to_end_id,
                counter_account: entry.counter_account,
                booked_on: entry.booked_on,
                status: entry.status,
                reason_code: entry.reason.code,
                reason: entry.reason.text,
            },
            opened_at: found.opened_at,
            age_days: until.utc().signed_duration_since(found.opened_at.utc()).num_days(),
            due_on: found.due_on,
            closed_at: found.closed_at,
            proposal: proposal.map(ProposalView::of),
        }
    }
}

impl ProposalView {
    fn of(proposal: BankBreakProposal) -> Self {
        let (state, decided_by, decided_at, because, transaction) = match proposal.decision {
            None => ("proposed", None, None, None, None),
            Some(BankBreakDecision { by, at, outcome }) => match outcome {
                BankBreakOutcome::Approved { transaction } => {
                    ("approved", Some(by), Some(at), None, transaction)
                }
                BankBreakOutcome::Rejected { because } => {
                    ("rejected", Some(by), Some(at), Some(because), None)
                }
            },
        };
        Self {
            number: proposal.number,
            action: proposal.action.name(),
            reason: proposal.reason,
            proposed_by: proposal.proposed_by,
            proposed_at: proposal.proposed_at,
            state,
            decided_by,
            decided_at,
            decided_because: because,
            transaction,
        }
    }
}
