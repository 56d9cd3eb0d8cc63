//! Staff close a partner's month, two persons for each, and read its statement.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::statements::{read_partner, read_period};
use crate::clock::Moment;
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::staff::{ReadBreaks, Reconcile, Settle, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::{ReconciliationBody, SettlementCloseBody};
use crate::http::server::media::JsonBody;
use crate::ids::{PartnerId, StaffId};
use crate::ledger::chain::Hash;
use crate::reconcile::closing;
use crate::reconcile::payouts::{self, PayoutFile};
use crate::reconcile::period::Period;
use crate::reconcile::run_order::RunOrder;
use crate::store::Db;
use crate::store::settlements::{Settlement, SettlementState};

/// The close of a partner's month, or the proposal of one.
#[derive(Serialize, ToSchema)]
#[schema(as = Settlement)]
pub(in crate::http) struct View {
    partner: PartnerId,
    period: Period,
    /// Counted from 1 for each month.
    number: i64,
    /// `proposed`, `closed` or `rejected`.
    state: &'static str,
    /// What was recorded later falls into the next month.
    cut_at: Moment,
    /// The hash of the statement's bytes as they stand here.
    sha256: Hash,
    proposed_by: StaffId,
    proposed_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_by: Option<StaffId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_at: Option<Moment>,
    /// Its `lines` sum to zero.
    #[schema(value_type = Object)]
    statement: Box<RawValue>,
}

/// Proposes the close of a month, with its statement.
#[utoipa::path(
    post, path = "/v1/settlements", tag = "Reconciliation", security(("staff" = ["reconcile"])),
    request_body = ReconciliationBody,
    responses((status = 201, description = "Proposed: another person closes.", body = View))
)]
pub async fn propose_settlement(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (partner, period) = read_object(&body, |body| {
        let (partner, period) = (body.text("partner", 40), body.text("period", 7));
        Some((partner?.to_owned(), period?.to_owned()))
    })?;
    let partner = read_partner(&gateway, Some(&partner))?;
    let period = read_period(Some(&period))?;
    let order = RunOrder { partner: partner.id.clone(), period, zone: gateway.time_zone };
    let propose = move |db: &mut _| closing::propose(&staff.id, db, &order, &partner);
    Ok(HttpResponse::Created().json(View::of(gateway.main.ask_or(propose).await?)?))
}

/// Another person closes the month.
#[utoipa::path(
    post, path = "/v1/settlements/{partner}/{period}/close", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
    ),
    request_body = SettlementCloseBody,
    responses((status = 200, description = "Closed.", body = View))
)]
pub async fn close_settlement(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let Hash(looked_at) = read_object(&body, read_hash)?;
    let partner = gateway.registry.get(&order.partner).ok_or_else(Problem::not_found)?;
    let close = move |db: &mut _| closing::close(&staff.id, db, &order, &partner, &looked_at);
    Ok(HttpResponse::Ok().json(View::of(gateway.main.ask_or(close).await?)?))
}

/// The proposal comes to nothing.
#[utoipa::path(
    post, path = "/v1/settlements/{partner}/{period}/rejection", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
    ),
    request_body = SettlementCloseBody,
    responses((status = 200, description = "Rejected.", body = View))
)]
pub async fn reject_settlement(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let Hash(looked_at) = read_object(&body, read_hash)?;
    let reject = move |db: &mut _| closing::reject(&staff.id, db, &order, &looked_at);
    Ok(HttpResponse::Ok().json(View::of(gateway.main.ask_or(reject).await?)?))
}

/// The newest settlement of a month, with its statement as it was proposed.
#[utoipa::path(
    get, path = "/v1/settlements/{partner}/{period}", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
    ),
    responses((status = 200, description = "The settlement.", body = View))
)]
pub async fn get_settlement(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let found = gateway.main.ask_or(move |db| closing::read(db, &order)).await?;
    Ok(HttpResponse::Ok().json(View::of(found)?))
}

/// The order to the bank to pay a closed month: ISO 20022, pain.001.001.09. The same month gives the same
/// bytes, under the same message id.
#[utoipa::path(
    get, path = "/v1/settlements/{partner}/{period}/payout", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
    ),
    responses((status = 200, description = "The message.", content((String = "application/xml"))))
)]
pub async fn get_payout(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let made = move |db: &mut Db| payouts::file(&staff.id, db, &order);
    let PayoutFile { message_id, xml } = gateway.main.ask_or(made).await?;
    let name = format!("attachment; filename=\"pain.001-{message_id}.xml\"");
    Ok(HttpResponse::Ok()
        .content_type("application/xml")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(xml))
}

fn read_hash(body: &mut FieldReader<'_>) -> Option<Hash> {
    let text = body.text("sha256", 64)?;
    let hash = Hash::parse(text);
    if hash.is_none() {
        body.fail("sha256", "expected 64 hexadecimal digits".to_owned());
    }
    hash
}

pub(in crate::http) fn read_month(
    gateway: &Gateway,
    path: web::Path<(String, String)>,
) -> Result<RunOrder, Problem> {
    let (partner, period) = path.into_inner();
    let partner = read_partner(gateway, Some(&partner)).map_err(|_unknown| Problem::not_found())?;
    let partner = partner.id.clone();
    let period = Period::try_from(period.as_str()).map_err(|_invalid| Problem::not_found())?;
    Ok(RunOrder { partner, period, zone: gateway.time_zone })
}

impl View {
    fn of(settlement: Settlement) -> Result<Self, Problem> {
        let (state, decided_by, decided_at) = match settlement.state {
            SettlementState::Proposed => ("proposed", None, None),
            SettlementState::Closed { by, at } => ("closed", Some(by), Some(at)),
            SettlementState::Rejected { by, at } => ("rejected", Some(by), Some(at)),
        };
        Ok(Self {
            partner: settlement.partner,
            period: settlement.period,
            number: settlement.number,
            state,
            cut_at: settlement.cut_at,
            sha256: Hash(settlement.sha256),
            proposed_by: settlement.proposed_by,
            proposed_at: settlement.proposed_at,
            decided_by,
            decided_at,
            statement: RawValue::from_string(settlement.content).map_err(Problem::internal)?,
        })
    }
}
