//! Staff have a partner's month compared with our books.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::statements::{read_partner, read_period};
use crate::clock::Moment;
use crate::event::read_object;
use crate::http::Gateway;
use crate::http::access::staff::{Reconcile, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::ReconciliationBody;
use crate::http::server::media::JsonBody;
use crate::ids::{PartnerId, ReconciliationId, StaffId};
use crate::reconcile::period::Period;
use crate::reconcile::run;
use crate::reconcile::run_order::RunOrder;
use crate::store::Db;
use crate::store::reconciliations::{self, Reconciliation, RunState};

/// A run over a partner's month.
#[derive(Serialize, ToSchema)]
#[schema(as = Reconciliation)]
pub(in crate::http) struct View {
    id: ReconciliationId,
    partner: PartnerId,
    period: Period,
    /// Counted from 1 for each month.
    number: i64,
    /// `running`, `done` or `given_up`.
    state: &'static str,
    started_by: StaffId,
    started_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_at: Option<Moment>,
    /// Counts and sums of both sides, once it is done: all, matched, and in breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    report: Option<Box<RawValue>>,
}

/// Compares, and answers when all of it is written. It may be repeated.
#[utoipa::path(
    post, path = "/v1/reconciliation/runs", tag = "Reconciliation",
    security(("staff" = ["reconcile"])), request_body = ReconciliationBody,
    responses((status = 201, description = "Compared.", body = View))
)]
pub async fn run_reconciliation(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (partner, period) = read_object(&body, |body| {
        let (partner, period) = (body.text("partner", 40), body.text("period", 7));
        Some((partner?.to_owned(), period?.to_owned()))
    })?;
    let found = read_partner(&gateway, Some(&partner))?;
    let partner = found.id.clone();
    let order = RunOrder { partner, period: read_period(Some(&period))?, zone: gateway.time_zone };
    let place = gateway.long_work.enter()?;
    let compare = move |db: &mut Db| {
        let _place = place;
        let rules = found.statement.as_ref().map(|map| map.matching.clone()).unwrap_or_default();
        run::run(&staff.id, db, &order, &rules)
    };
    let done = gateway.main.ask_or(compare).await?;
    Ok(HttpResponse::Created().json(View::of(done)?))
}

/// One run, with its report.
#[utoipa::path(
    get, path = "/v1/reconciliation/runs/{run}", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(("run" = ReconciliationId, Path, description = "The run.")),
    responses((status = 200, description = "The run.", body = View))
)]
pub async fn get_reconciliation(
    _staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ReconciliationId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let found = gateway.main.ask(move |db| reconciliations::get(db, id)).await?;
    Ok(HttpResponse::Ok().json(View::of(found.ok_or_else(Problem::not_found)?)?))
}

impl View {
    pub(super) fn of(run: Reconciliation) -> Result<Self, Problem> {
        let (state, ended_at, report) = match run.state {
            RunState::Running => ("running", None, None),
            RunState::GivenUp { at } => ("given_up", Some(at), None),
            RunState::Done { at, report } => {
                ("done", Some(at), Some(RawValue::from_string(report).map_err(Problem::internal)?))
            }
        };
        Ok(Self {
            id: run.id,
            partner: run.partner,
            period: run.period,
            number: run.number,
            state,
            started_by: run.started_by,
            started_at: run.started_at,
            ended_at,
            report,
        })
    }
}
