//! Staff work through what does not match: one proposes, another decides.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::statements::read_period;
use crate::clock::{self, Moment};
use crate::event::{FieldReader, read_object, read_object_within};
use crate::http::Gateway;
use crate::http::access::staff::{ReadBreaks, Reconcile, Settle, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::{
    BreakApprovalBody, BreakNoteBody, BreakProposalBody, BreakRejectionBody,
};
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::http::staff::reason::read_reason;
use crate::ids::{BreakId, PartnerId, StaffId, TransactionId};
use crate::money::{Amount, Asset};
use crate::reconcile::break_code::{BreakCode, BreakSums};
use crate::reconcile::break_record::{Break, BreakFacts, BreakFilter, FactDecision, FactRow, Note};
use crate::reconcile::breaks::{self, BreakDetail, ProposalOrder, ProposedAt};
use crate::reconcile::item::ItemValue;
use crate::reconcile::period::Period;
use crate::reconcile::proposal::{
    BreakState, Proposal, ProposalAction, ProposalRejection, ProposalState,
};
use crate::store;

/// The most that one note says.
const NOTE_CHARACTERS_MAX: usize = 500;

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    #[param(value_type = Option<PartnerId>)]
    partner: Option<String>,
    /// A month of the partner.
    #[param(value_type = Option<Period>)]
    period: Option<String>,
    /// `open` without it.
    #[param(pattern = "^(open|proposed|awaiting_partner|accepted|adjusted|written_off|cleared)$")]
    state: Option<String>,
    #[param(pattern = "^[A-Z_]{1,40}$")]
    code: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// What does not match.
#[derive(Serialize, ToSchema)]
#[schema(as = Break)]
pub(in crate::http) struct View {
    id: BreakId,
    partner: PartnerId,
    period: Period,
    /// The code of the trade, such as `AMOUNT_DIFF`.
    code: &'static str,
    /// `payment`, `refund`, `redemption` or `return`.
    kind: &'static str,
    /// `open`, `proposed`, `awaiting_partner`, `accepted`, `adjusted`, `written_off` or `cleared`.
    state: &'static str,
    /// What the partner's rows come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    theirs: Option<Sum>,
    /// What our rows come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ours: Option<Sum>,
    says: String,
    says_zh: String,
    #[schema(value_type = String, format = Date)]
    business_day: NaiveDate,
    opened_at: Moment,
    age_days: i64,
    #[schema(value_type = String, format = Date)]
    due_on: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    closed_at: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BreakSum)]
struct Sum {
    #[schema(value_type = Amount)]
    amount: String,
    currency: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Breaks)]
pub(in crate::http) struct Views {
    pub(in crate::http) breaks: Vec<View>,
    /// Where the next page begins; null on the last.
    pub(in crate::http) next: Option<String>,
}

/// A break with its rows, and all that was proposed and said.
#[derive(Serialize, ToSchema)]
#[schema(as = BreakDetail)]
pub(in crate::http) struct Detail {
    #[serde(flatten)]
    found: View,
    /// Lines of the partner's statement.
    their_rows: Vec<FactRow>,
    /// Our events.
    our_rows: Vec<FactRow>,
    /// The row that a duplicate repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    twin: Option<FactRow>,
    /// Rows beyond those that are listed.
    more_rows: u64,
    /// What people decided about the same rows in other breaks, the earliest first. For staff.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<FactDecision>,
    /// People have decided on it, and a later run found it no more.
    no_longer_found: bool,
    proposals: Vec<ProposalView>,
    notes: Vec<NoteView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BreakProposal)]
struct ProposalView {
    number: i64,
    /// `accept`, `adjust`, `write_off` or `ask_partner`.
    action: &'static str,
    /// What an adjustment posts: above zero the bank owes the partner more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    amount: Option<Amount>,
    reason: String,
    proposed_by: StaffId,
    proposed_at: Moment,
    lapses_at: Moment,
    /// `proposed`, `approved`, `rejected` or `lapsed`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_by: Option<StaffId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_at: Option<Moment>,
    /// The transaction of an adjustment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    transaction: Option<TransactionId>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BreakNote)]
struct NoteView {
    number: i64,
    /// `staff` or `partner`.
    by: &'static str,
    /// The member of staff. The partner does not learn the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    says: String,
    at: Moment,
}

/// Who reads a break.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Reader {
    Staff,
    Partner,
}

/// Breaks of one state, the oldest first.
#[utoipa::path(
    get, path = "/v1/breaks", tag = "Reconciliation", security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_breaks(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { partner, period, state, code, cursor, limit } = page.into_inner();
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let filter = BreakFilter {
        state: read_state(state.as_deref().unwrap_or("open"))?,
        partner: partner.map(read_partner_id).transpose()?,
        period: period.map(|period| read_period(Some(&period))).transpose()?,
        code: code.as_deref().map(read_code).transpose()?,
    };
    if filter.period.is_some() && filter.partner.is_none() {
        return Err(Problem::parameter("period", "expected with partner: it is a partner's month"));
    }
    let (after, rows_max) = (place.after, place.rows_max());
    let asked = move |db: &mut store::Db| store::breaks::page(db, &filter, after, rows_max);
    let mut found = gateway.main.ask(asked).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.opened_at, last.id));
    let now = clock::now();
    let breaks = found.into_iter().map(|it| View::of(&it, now)).collect();
    Ok(HttpResponse::Ok().json(Views { breaks, next }))
}

/// One break, with its rows, proposals and notes.
#[utoipa::path(
    get, path = "/v1/breaks/{break}", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(("break" = BreakId, Path, description = "The break.")),
    responses((status = 200, description = "The break.", body = Detail))
)]
pub async fn get_break(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let found = gateway.main.ask_or(move |db| breaks::read(db, id)).await?;
    Ok(HttpResponse::Ok().json(Detail::of(found, Reader::Staff)?))
}

/// Proposes what is to be done: another person decides.
#[utoipa::path(
    post, path = "/v1/breaks/{break}/proposals", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(("break" = BreakId, Path, description = "The break.")),
    request_body = BreakProposalBody,
    responses((status = 201, description = "Proposed.", body = Detail))
)]
pub async fn propose_for_break(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let limits = gateway.registry.programme().limits;
    let order = read_object_within(&body, &limits, read_proposal)?;
    let at = ProposedAt { now: clock::now(), registry: Arc::clone(&gateway.registry) };
    let done =
        gateway.main.ask_or(move |db| breaks::propose(&staff.id, db, id, order, &at)).await?;
    Ok(HttpResponse::Created().json(Detail::of(done, Reader::Staff)?))
}

/// Another person has it done.
#[utoipa::path(
    post, path = "/v1/breaks/{break}/approval", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(("break" = BreakId, Path, description = "The break.")),
    request_body = BreakApprovalBody,
    responses((status = 200, description = "Done.", body = Detail))
)]
pub async fn approve_for_break(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let proposal = read_object(&body, read_number)?;
    let done = breaks::approve(&staff.id, &gateway.main, id, proposal).await?;
    Ok(HttpResponse::Ok().json(Detail::of(done, Reader::Staff)?))
}

/// The proposal comes to nothing.
#[utoipa::path(
    post, path = "/v1/breaks/{break}/rejection", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(("break" = BreakId, Path, description = "The break.")),
    request_body = BreakRejectionBody,
    responses((status = 200, description = "Open again.", body = Detail))
)]
pub async fn reject_for_break(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let rejection = read_object(&body, read_rejection)?;
    let now = clock::now();
    let done =
        gateway.main.ask_or(move |db| breaks::reject(&staff.id, db, id, rejection, now)).await?;
    Ok(HttpResponse::Ok().json(Detail::of(done, Reader::Staff)?))
}

/// A note for the staff alone.
#[utoipa::path(
    post, path = "/v1/breaks/{break}/notes", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(("break" = BreakId, Path, description = "The break.")),
    request_body = BreakNoteBody,
    responses((status = 201, description = "Noted.", body = Detail))
)]
pub async fn note_on_break(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let says = read_object(&body, read_says)?;
    let now = clock::now();
    let done = gateway.main.ask_or(move |db| breaks::note(&staff.id, db, id, says, now)).await?;
    Ok(HttpResponse::Created().json(Detail::of(done, Reader::Staff)?))
}

/// The member `proposal` of a body: the number of the one that the caller has looked at.
pub(in crate::http) fn read_number(body: &mut FieldReader<'_>) -> Option<i64> {
    body.count("proposal", 1..=u32::MAX).map(i64::from)
}

/// Which proposal is rejected, and why.
pub(in crate::http) fn read_rejection(body: &mut FieldReader<'_>) -> Option<ProposalRejection> {
    let (proposal, because) = (read_number(body), read_reason(body));
    Some(ProposalRejection { proposal: proposal?, because: because? })
}

/// The member `says` of a body.
pub(in crate::http) fn read_says(body: &mut FieldReader<'_>) -> Option<String> {
    body.text("says", NOTE_CHARACTERS_MAX).map(str::to_owned)
}

pub(in crate::http) fn read_id(path: &str) -> Result<BreakId, Problem> {
    BreakId::parse(path).ok_or_else(Problem::not_found)
}

pub(in crate::http) fn read_cursor(cursor: &str) -> Option<(Moment, BreakId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, BreakId::parse(id)?))
}

/// The member `action` of a body, one of `names`, without an amount.
pub(super) fn read_action(body: &mut FieldReader<'_>, names: &[&str]) -> Option<ProposalAction> {
    let name = body.text("action", 20)?;
    let known = names.contains(&name).then(|| ProposalAction::of(name, None)).flatten();
    if known.is_none() {
        body.fail("action", format!("expected one of {}", names.join(", ")));
    }
    known
}

fn read_proposal(body: &mut FieldReader<'_>) -> Option<ProposalOrder> {
    let action = body.text("action", 20);
    let reason = read_reason(body);
    let named = body.optional("amount").is_some();
    let amount = if named { body.signed_amount("amount", Some(Asset::CNY)) } else { None };
    (amount.is_some() == named).then_some(())?;
    let known = ProposalAction::of(action?, amount);
    if known.is_none() {
        let names = ProposalAction::NAMES.join(", ");
        body.fail(
            "action",
            format!("expected one of {names}; an amount, not 0, with adjust alone"),
        );
    }
    Some(ProposalOrder { action: known?, reason: reason? })
}

fn read_state(name: &str) -> Result<BreakState, Problem> {
    let names = BreakState::ALL.map(BreakState::name).join(", ");
    let expected = || Problem::parameter("state", &format!("expected {names}"));
    BreakState::by_name(name).ok_or_else(expected)
}

fn read_code(name: &str) -> Result<BreakCode, Problem> {
    let names = BreakCode::ALL.map(BreakCode::name).join(", ");
    let expected = || Problem::parameter("code", &format!("expected {names}"));
    BreakCode::by_name(name).ok_or_else(expected)
}

fn read_partner_id(id: String) -> Result<PartnerId, Problem> {
    let expected = |_bad| Problem::parameter("partner", "expected the id of a partner");
    PartnerId::try_from(id).map_err(expected)
}

fn sum(value: Option<ItemValue>) -> Option<Sum> {
    value.map(|it| Sum { amount: it.decimal(), currency: it.currency.to_string() })
}

impl View {
    pub(in crate::http) fn of(found: &Break, now: Moment) -> Self {
        let BreakSums { theirs, ours } = found.sums;
        let until = found.closed_at.unwrap_or(now);
        Self {
            id: found.id,
            partner: found.partner.clone(),
            period: found.period,
            code: found.code.name(),
            kind: found.kind.name(),
            state: found.state.name(),
            theirs: sum(theirs),
            ours: sum(ours),
            says: found.code.says(found.sums),
            says_zh: found.code.says_zh(found.sums),
            business_day: found.business_day,
            opened_at: found.opened_at,
            age_days: until.utc().signed_duration_since(found.opened_at.utc()).num_days(),
            due_on: found.due_on,
            closed_at: found.closed_at,
        }
    }
}

impl Detail {
    pub(in crate::http) fn of(detail: BreakDetail, reader: Reader) -> Result<Self, Problem> {
        let BreakDetail { found, proposals, notes } = detail;
        let facts: BreakFacts = serde_json::from_str(&found.facts).map_err(Problem::internal)?;
        Ok(Self {
            found: View::of(&found, clock::now()),
            their_rows: facts.theirs,
            our_rows: facts.ours,
            twin: facts.twin,
            more_rows: facts.more,
            decisions: match reader {
                Reader::Staff => facts.decided,
                Reader::Partner => Vec::new(),
            },
            no_longer_found: facts.gone,
            proposals: proposals.into_iter().map(ProposalView::of).collect(),
            notes: notes.into_iter().map(|note| NoteView::of(note, reader)).collect(),
        })
    }
}

impl ProposalView {
    fn of(proposal: Proposal) -> Self {
        let state = proposal.state.name();
        let transaction = match &proposal.state {
            ProposalState::Approved { transaction, .. } => *transaction,
            ProposalState::Proposed
            | ProposalState::Rejected { .. }
            | ProposalState::Lapsed { .. } => None,
        };
        let (decided_by, decided_because, decided_at) = match proposal.state {
            ProposalState::Proposed => (None, None, None),
            ProposalState::Approved { by, at, .. } => (Some(by), None, Some(at)),
            ProposalState::Rejected { by, because, at } => (Some(by), Some(because), Some(at)),
            ProposalState::Lapsed { at } => (None, None, Some(at)),
        };
        Self {
            number: proposal.number,
            action: proposal.action.name(),
            amount: proposal.action.amount(),
            reason: proposal.reason,
            proposed_by: proposal.proposed_by,
            proposed_at: proposal.proposed_at,
            lapses_at: proposal.lapses_at,
            state,
            decided_by,
            decided_because,
            decided_at,
            transaction,
        }
    }
}

impl NoteView {
    fn of(note: Note, reader: Reader) -> Self {
        let name = match reader {
            Reader::Staff => Some(note.by.id().to_owned()),
            Reader::Partner => None,
        };
        Self { number: note.number, by: note.by.kind(), name, says: note.says, at: note.noted_at }
    }
}
