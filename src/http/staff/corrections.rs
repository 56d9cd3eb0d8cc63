//! Staff adjust points and reverse transactions; what is beyond the limit waits for another person.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::clock::Moment;
use crate::event::{FieldReader, read_object, read_object_within};
use crate::http::Gateway;
use crate::http::access::staff::{Adjust, Approve, NeedsRole, Read, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::bodies::Receipt;
use crate::http::schemas::requests::{AdjustmentBody, RejectionBody, ReversalBody};
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::http::server::paths::REPLAYED;
use crate::http::staff::reason::read_reason;
use crate::ids::{CorrectionId, MemberRef, PartnerId, StaffId, TransactionId};
use crate::money::{Amount, Asset};
use crate::program::{Correction, CorrectionContent, CorrectionState};
use crate::store::corrections;
use crate::writer::{Corrected, CorrectionAsked, CorrectionOrder, CorrectionStep};

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    #[param(pattern = "^(proposed|posted|rejected)$")]
    state: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A correction as staff see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Correction)]
pub(in crate::http) struct View<'a> {
    id: &'a CorrectionId,
    kind: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Member<'a>>,
    points: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Moment>,
    /// The transaction that it reverses.
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<TransactionId>,
    reason: &'a str,
    proposed_by: &'a StaffId,
    proposed_at: Moment,
    #[serde(flatten)]
    closing: Closing<'a>,
    /// The receipt of its own transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Receipt>)]
    receipt: Option<&'a RawValue>,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
#[schema(as = Corrections)]
pub(in crate::http) struct Views<'a> {
    corrections: Vec<View<'a>>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CustomerOfPartner)]
struct Member<'a> {
    partner: &'a PartnerId,
    member: &'a MemberRef,
}

#[derive(Default, Serialize, ToSchema)]
struct Closing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<&'a StaffId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_by: Option<&'a StaffId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Moment>,
}

/// Points given to a customer, or taken.
#[utoipa::path(
    post, path = "/v1/adjustments", tag = "Corrections", security(("staff" = ["adjust"])),
    request_body = AdjustmentBody,
    responses(
        (status = 201, description = "Posted.", body = View<'static>),
        (status = 202, description = "Proposed: another person must approve.", body = View<'static>),
        (status = 200, description = "Asked before.", body = View<'static>),
    )
)]
pub async fn propose_adjustment(
    staff: Staff<Adjust>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let programme = gateway.registry.programme();
    let (id, what, reason) = read_object_within(&body, &programme.limits, read_adjustment)?;
    let order = order_of(staff, id, CorrectionStep::Propose { what, reason });
    answer(&gateway.main.writer.correct(order).await?)
}

/// A transaction undone exactly.
#[utoipa::path(
    post, path = "/v1/transactions/{transaction}/reversal", tag = "Corrections",
    security(("staff" = ["adjust"])),
    params(("transaction" = TransactionId, Path, description = "The `receipt` of its event.")),
    request_body = ReversalBody,
    responses(
        (status = 201, description = "Posted.", body = View<'static>),
        (status = 202, description = "Proposed: another person must approve.", body = View<'static>),
        (status = 200, description = "Asked before.", body = View<'static>),
    )
)]
pub async fn propose_reversal(
    staff: Staff<Adjust>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let transaction =
        uuid::Uuid::parse_str(&path.into_inner()).map_err(|_bad| Problem::not_found())?;
    let transaction = TransactionId::from_uuid(transaction);
    let (id, reason) = read_object(&body, |body| {
        let (id, reason) = (body.parsed("id"), read_reason(body));
        Some((id?, reason?))
    })?;
    let what = CorrectionAsked::Reversal { transaction };
    let order = order_of(staff, id, CorrectionStep::Propose { what, reason });
    answer(&gateway.main.writer.correct(order).await?)
}

/// Another person has it posted.
#[utoipa::path(
    post, path = "/v1/corrections/{correction}/approval", tag = "Corrections",
    security(("staff" = ["approve"])), params(("correction" = CorrectionId, Path, description = "The correction's id.")),
    responses(
        (status = 201, description = "Posted.", body = View<'static>),
        (status = 200, description = "Approved before.", body = View<'static>),
    )
)]
pub async fn approve(
    staff: Staff<Approve>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(path)?;
    let order = order_of(staff, id, CorrectionStep::Approve);
    answer(&gateway.main.writer.correct(order).await?)
}

/// It comes to nothing.
#[utoipa::path(
    post, path = "/v1/corrections/{correction}/rejection", tag = "Corrections",
    security(("staff" = ["approve"])), params(("correction" = CorrectionId, Path, description = "The correction's id.")),
    request_body = RejectionBody,
    responses((status = 200, description = "Rejected.", body = View<'static>))
)]
pub async fn reject(
    staff: Staff<Approve>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(path)?;
    let reason = read_object(&body, read_reason)?;
    let order = order_of(staff, id, CorrectionStep::Reject { reason });
    answer(&gateway.main.writer.correct(order).await?)
}

/// One, with its receipt once it is posted.
#[utoipa::path(
    get, path = "/v1/corrections/{correction}", tag = "Corrections",
    security(("staff" = ["read"])), params(("correction" = CorrectionId, Path, description = "The correction's id.")),
    responses((status = 200, description = "The correction.", body = View<'static>))
)]
pub async fn get_correction(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(path)?;
    let found = gateway.main.ask(move |db| corrections::get(db, &id)).await?;
    let (correction, receipt) = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(view(&correction, receipt.as_deref())?))
}

/// Those in a state, the oldest first.
#[utoipa::path(
    get, path = "/v1/corrections", tag = "Corrections", security(("staff" = ["read"])),
    params(Page), responses((status = 200, description = "A page.", body = Views<'static>))
)]
pub async fn get_corrections(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { state, cursor, limit } = page.into_inner();
    let state = state.unwrap_or_else(|| CorrectionState::Proposed.name().to_owned());
    if !CorrectionState::NAMES.contains(&state.as_str()) {
        let expected = format!("expected {}", CorrectionState::NAMES.join(", "));
        return Err(Problem::parameter("state", &expected));
    }
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let (after, rows_max) = (place.after.clone(), place.rows_max());
    let mut found = gateway
        .main
        .ask(move |db| {
            let after = after.as_ref().map(|(at, id)| (*at, id));
            corrections::page(db, &state, after, rows_max)
        })
        .await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.proposed_at, last.id));
    let views: Vec<View<'_>> =
        found.iter().map(|correction| view(correction, None)).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(Views { corrections: views, next }))
}

fn order_of<R: NeedsRole>(
    staff: Staff<R>,
    id: CorrectionId,
    step: CorrectionStep,
) -> CorrectionOrder {
    CorrectionOrder { id, by: staff.id, own_subjects: staff.own_subjects, step }
}

fn read_cursor(cursor: &str) -> Option<(Moment, CorrectionId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, CorrectionId::try_from(id).ok()?))
}

fn read_id(path: web::Path<String>) -> Result<CorrectionId, Problem> {
    CorrectionId::try_from(path.into_inner()).map_err(|_invalid| Problem::not_found())
}

fn read_adjustment(body: &mut FieldReader<'_>) -> Option<(CorrectionId, CorrectionAsked, String)> {
    let id = body.parsed("id");
    let reason = read_reason(body);
    let points = body.signed_amount("points", Some(Asset::PTS));
    if points.is_some_and(Amount::is_zero) {
        body.fail("points", "must not be 0");
    }
    let time = body.optional_text("expires_at", 40).map(Moment::parse);
    if time == Some(None) {
        body.fail("expires_at", "expected an RFC 3339 date-time, such as \"2027-12-31T16:00:00Z\"");
    }
    let expires_at = time.flatten();
    if expires_at.is_some() && points.is_some_and(Amount::is_negative) {
        body.fail("expires_at", "only points that are given expire");
    }
    let Some(mut customer) = body.object("customer") else {
        if body.optional("customer").is_none() {
            body.fail("customer", "missing");
        }
        return None;
    };
    let (partner, member) = (customer.parsed("partner"), customer.parsed("member"));
    customer.finish();
    let what = CorrectionAsked::Adjustment {
        partner: partner?,
        member: member?,
        points: points?,
        expires_at,
    };
    Some((id?, what, reason?))
}

/// 201 for what is posted now, 202 for what waits for another person, 200 otherwise.
fn answer(corrected: &Corrected) -> Result<HttpResponse, Problem> {
    let Corrected { correction, receipt, replayed } = corrected;
    let status = match &correction.state {
        _ if *replayed => StatusCode::OK,
        CorrectionState::Proposed => StatusCode::ACCEPTED,
        CorrectionState::Posted { .. } => StatusCode::CREATED,
        CorrectionState::Rejected { .. } => StatusCode::OK,
    };
    let mut response = HttpResponse::build(status);
    if *replayed {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(view(correction, receipt.as_deref())?))
}

fn view<'a>(correction: &'a Correction, receipt: Option<&'a str>) -> Result<View<'a>, Problem> {
    let (customer, expires_at, reverses) = match &correction.what {
        CorrectionContent::Adjustment(adjustment) => {
            let member = Member { partner: &adjustment.partner, member: &adjustment.member };
            (Some(member), adjustment.expires_at, None)
        }
        CorrectionContent::Reversal(reversal) => (None, None, Some(reversal.transaction)),
    };
    let closing = match &correction.state {
        CorrectionState::Proposed => Closing::default(),
        CorrectionState::Posted { transaction, approved_by, at } => Closing {
            transaction: Some(*transaction),
            approved_by: approved_by.as_ref(),
            closed_at: Some(*at),
            ..Closing::default()
        },
        CorrectionState::Rejected { by, reason, at } => Closing {
            rejected_by: Some(by),
            rejected_because: Some(reason),
            closed_at: Some(*at),
            ..Closing::default()
        },
    };
    Ok(View {
        id: &correction.id,
        kind: correction.what.kind().name(),
        state: correction.state.name(),
        customer,
        points: correction.what.points(),
        expires_at,
        reverses,
        reason: &correction.reason,
        proposed_by: &correction.proposed_by,
        proposed_at: correction.proposed_at,
        closing,
        receipt: receipt.map(serde_json::from_str).transpose().map_err(Problem::internal)?,
    })
}
