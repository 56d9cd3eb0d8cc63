//! Staff freeze a partner whose key was stolen, or whom they do not trust, and lift the freeze.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::staff::{Decide, Read, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::requests::{DecisionBody, FreezeBody};
use crate::http::server::media::JsonBody;
use crate::http::staff::reason::read_reason;
use crate::ids::{PartnerId, TransactionId};
use crate::store::freezes::{self, Freeze};
use crate::writer::{FreezeOrder, LiftOrder};

/// A freeze.
#[derive(Serialize, ToSchema)]
#[schema(as = Freeze)]
pub(in crate::http) struct FreezeView {
    partner: PartnerId,
    /// What was recorded from then on may not be spent and is not payable.
    since: Moment,
    frozen_by: String,
    because: String,
    frozen_at: Moment,
    /// What moved the partner's money out of reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionId>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Freezes {
    freezes: Vec<FreezeView>,
}

impl From<Freeze> for FreezeView {
    fn from(freeze: Freeze) -> Self {
        let Freeze { partner, since, by, because, at, transaction } = freeze;
        Self { partner, since, frozen_by: by, because, frozen_at: at, transaction }
    }
}

/// The partners that are frozen.
#[utoipa::path(
    get, path = "/v1/freezes", tag = "Decisions", security(("staff" = ["read"])),
    responses((status = 200, description = "All of them.", body = Freezes))
)]
pub async fn get_freezes(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let found = gateway.main.ask(|db| freezes::in_force(db, None)).await?;
    let freezes = found.into_iter().map(FreezeView::from).collect();
    Ok(HttpResponse::Ok().json(Freezes { freezes }))
}

/// From now on, or since a moment of recording: what the partner reports is held, what is reserved
/// stays so, and what it brought since then may neither be spent nor paid.
#[utoipa::path(
    post, path = "/v1/partners/{partner}/freeze", tag = "Decisions",
    security(("staff" = ["decide"])),
    params(("partner" = PartnerId, Path, description = "The partner.")),
    request_body = FreezeBody,
    responses((status = 200, description = "Frozen.", body = FreezeView))
)]
pub async fn freeze_partner(
    staff: Staff<Decide>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let partner = read_partner(path.into_inner())?;
    let (reason, since) = read_object(&body, read_freeze)?;
    let order = FreezeOrder { partner, since, by: staff.id, reason };
    let freeze = gateway.main.writer.freeze(order).await?;
    Ok(HttpResponse::Ok().json(FreezeView::from(freeze)))
}

/// What is held stays held until staff decide on it; the rest is as it was.
#[utoipa::path(
    post, path = "/v1/partners/{partner}/freeze/end", tag = "Decisions",
    security(("staff" = ["decide"])),
    params(("partner" = PartnerId, Path, description = "The partner.")),
    request_body = DecisionBody,
    responses((status = 200, description = "Lifted: the freeze as it was.", body = FreezeView))
)]
pub async fn lift_freeze(
    staff: Staff<Decide>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let partner = read_partner(path.into_inner())?;
    let reason = read_object(&body, read_reason)?;
    let order = LiftOrder { partner, by: staff.id, reason };
    let freeze = gateway.main.writer.lift_freeze(order).await?;
    Ok(HttpResponse::Ok().json(FreezeView::from(freeze)))
}

fn read_freeze(body: &mut FieldReader<'_>) -> Option<(String, Option<Moment>)> {
    let reason = read_reason(body);
    let since = body.optional_text("since", 40).map(Moment::parse);
    if since == Some(None) {
        body.fail("since", "expected an RFC 3339 date-time, such as \"2026-11-02T03:10:00Z\"");
    }
    Some((reason?, since.flatten()))
}

fn read_partner(id: String) -> Result<PartnerId, Problem> {
    PartnerId::try_from(id).map_err(|_invalid| Problem::not_found())
}
