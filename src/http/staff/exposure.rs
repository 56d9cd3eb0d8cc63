//! What a partner costs the bank, beside its limits, and what waits for staff because of them.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::{Read, Staff};
use crate::http::problem::Problem;
use crate::ids::{PartnerId, RuleId};
use crate::money::Amount;
use crate::partner::exposure::{ExposedParty, ExposureMeasure, ExposurePeriod};
use crate::partner_board;
use crate::store::waiting_events;

/// Maximum number of alarms in a list.
const ALARMS_MAX: usize = 1_000;
/// So many events of an alarm are counted.
const COUNTED_MAX: i64 = 100_000;

/// A rule by which events of a partner wait for staff.
#[derive(Serialize, ToSchema)]
struct Alarm {
    partner: String,
    /// The limit by its id, or `late`, or `frozen`.
    rule: String,
    /// Events that wait, counted up to 100,000.
    events: i64,
    since: Moment,
    /// The figure of the latest, and its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    figure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Alarms {
    alarms: Vec<Alarm>,
}

/// A figure of a partner in the present period, and its limit.
#[derive(Serialize, ToSchema)]
struct ExposureFigure {
    limit: RuleId,
    #[schema(value_type = String)]
    of: ExposedParty,
    #[schema(value_type = String)]
    measure: ExposureMeasure,
    #[schema(value_type = String)]
    per: ExposurePeriod,
    /// Such as `2026-11`, in the programme's time zone.
    period: String,
    figure: Amount,
    max: Amount,
}

/// What a partner costs at most, by limit: those that count for all of its events.
#[derive(Serialize, ToSchema)]
#[schema(as = Exposure)]
pub(in crate::http) struct ExposureView {
    partner: PartnerId,
    figures: Vec<ExposureFigure>,
}

/// What waits for staff, by partner and rule.
#[utoipa::path(
    get, path = "/v1/alarms", tag = "Decisions", security(("staff" = ["read"])),
    responses((status = 200, description = "All of them.", body = Alarms))
)]
pub async fn get_alarms(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let found = gateway.main.ask(|db| waiting_events::waiting(db, ALARMS_MAX, COUNTED_MAX)).await?;
    let alarms = found.into_iter().map(|it| Alarm {
        partner: it.partner,
        rule: it.rule,
        events: it.events,
        since: it.since,
        figure: it.figure,
        limit: it.limit,
    });
    Ok(HttpResponse::Ok().json(Alarms { alarms: alarms.collect() }))
}

/// How much of its limits a partner has used.
#[utoipa::path(
    get, path = "/v1/partners/{partner}/exposure", tag = "Decisions",
    security(("staff" = ["read"])),
    params(("partner" = PartnerId, Path, description = "The partner.")),
    responses((status = 200, description = "The figures of now.", body = ExposureView))
)]
pub async fn get_exposure(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = PartnerId::try_from(path.into_inner()).map_err(|_invalid| Problem::not_found())?;
    let partner = gateway.registry.get(&id).ok_or_else(Problem::not_found)?;
    let (whose, zone) = (Arc::clone(&partner), gateway.time_zone);
    let read = move |db: &mut _| partner_board::figures(db, &whose, zone, clock::now());
    let figures = gateway.main.ask(read).await?;
    let figures = figures.into_iter().map(|it| ExposureFigure {
        limit: it.limit,
        of: it.of,
        measure: it.measure,
        per: it.per,
        period: it.period,
        figure: it.figure,
        max: it.max,
    });
    Ok(HttpResponse::Ok().json(ExposureView { partner: id, figures: figures.collect() }))
}
