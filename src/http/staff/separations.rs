//! Staff look at what a line has matched, and say that two rows do not belong together: one proposes,
//! another has the match ended.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::reconciliations;
use super::statements::{read_partner, read_period};
use crate::clock::{self, Moment};
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::staff::{ReadBreaks, Reconcile, Settle, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::SeparationBody;
use crate::http::schemas::requests::RejectionBody;
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::http::staff::reason::read_reason;
use crate::ids::{EventId, PartnerId, ReconciliationId, SeparationId, StaffId, StatementId};
use crate::reconcile::period::Period;
use crate::reconcile::separation::{Separation, SeparationState};
use crate::reconcile::separations::{
    self, ComparedBy, ExplainedMatch, MatchAsked, SeparationOrder,
};
use crate::store::{self, Db};

/// Lines of a statement, as an editor numbers them.
const LINES_MAX: u32 = 100_000_000;

/// Whose match is asked for: a line's, or an event's.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MatchQuery {
    /// With `line`.
    #[param(value_type = Option<StatementId>, required = false, nullable = false)]
    statement: Option<String>,
    #[param(minimum = 1, required = false, nullable = false)]
    line: Option<i64>,
    /// With `event`.
    #[param(value_type = Option<PartnerId>, required = false, nullable = false)]
    partner: Option<String>,
    #[param(value_type = Option<EventId>, required = false, nullable = false)]
    event: Option<String>,
}

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    #[param(value_type = PartnerId, required)]
    partner: Option<String>,
    /// The month.
    #[param(value_type = Period, required)]
    period: Option<String>,
    /// The `next` of the page before.
    #[param(required = false, nullable = false)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, required = false, nullable = false)]
    limit: Option<u16>,
}

/// A line, and the event that it matches or matched.
#[derive(Serialize, ToSchema)]
#[schema(as = Match)]
struct MatchView {
    statement: StatementId,
    line: i64,
    /// Absent where the line came to nothing, and we have nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event: Option<EventId>,
    /// `event_id`, `order`, `tolerance` or `void`.
    rule: String,
    /// The version of the passes that the program has.
    rule_version: i64,
    /// The number of the month's run that made it.
    made_by: i64,
    /// The number of the run that ended it; absent while it lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_by: Option<i64>,
    /// The report of the run that made it, with the rules of the manifest and their version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    report: Option<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Matches)]
pub(in crate::http) struct MatchViews {
    /// The newest first.
    matches: Vec<MatchView>,
}

/// A match that is to be ended for good, or was.
#[derive(Serialize, ToSchema)]
#[schema(as = Separation)]
pub(in crate::http) struct View {
    id: SeparationId,
    partner: PartnerId,
    period: Period,
    statement: StatementId,
    line: i64,
    event: EventId,
    /// The number of the month's run that made the match.
    made_by: i64,
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
    decided_because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decided_at: Option<Moment>,
    /// The run that ended the match and compared without the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    run: Option<ReconciliationId>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Separations)]
pub(in crate::http) struct Views {
    separations: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// What a line of a statement has matched, or what matches an event now, and by which rule.
#[utoipa::path(
    get, path = "/v1/reconciliation/matches", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(MatchQuery), responses((status = 200, description = "The matches.", body = MatchViews))
)]
pub async fn get_matches(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    query: web::Query<MatchQuery>,
) -> Result<HttpResponse, Problem> {
    let asked = read_asked(&gateway, query.into_inner())?;
    let found = gateway.main.ask_or(move |db| separations::matches_of(db, &asked)).await?;
    let matches = found.into_iter().map(MatchView::of).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(MatchViews { matches }))
}

/// Proposes that the match of a line is ended for good: another person decides.
#[utoipa::path(
    post, path = "/v1/reconciliation/separations", tag = "Reconciliation",
    security(("staff" = ["reconcile"])), request_body = SeparationBody,
    responses((status = 201, description = "Proposed.", body = View))
)]
pub async fn propose_separation(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let order = read_object(&body, read_order)?;
    let now = clock::now();
    let propose = move |db: &mut Db| separations::propose(&staff.id, db, order, now);
    Ok(HttpResponse::Created().json(View::of(gateway.main.ask_or(propose).await?)))
}

/// The separations of a partner's month, in the order in which they were proposed.
#[utoipa::path(
    get, path = "/v1/reconciliation/separations", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_separations(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { partner, period, cursor, limit } = page.into_inner();
    let partner = read_partner(&gateway, partner.as_deref())?.id.clone();
    let period = read_period(period.as_deref())?;
    let place = Place::read(limit, cursor.as_deref(), |text| SeparationId::try_from(text).ok())?;
    let (after, rows_max) = (place.after, place.rows_max());
    let asked = move |db: &mut Db| store::separations::page(db, &partner, period, after, rows_max);
    let mut found = gateway.main.ask(asked).await?;
    let next = place.cut(&mut found, |last| last.id.to_string());
    let separations = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { separations, next }))
}

/// Another person has the match ended, and the month compared without the two. Answers with the run.
#[utoipa::path(
    post, path = "/v1/reconciliation/separations/{separation}/approval", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(("separation" = SeparationId, Path, description = "The separation.")),
    responses((status = 200, description = "Compared.", body = reconciliations::View))
)]
pub async fn approve_separation(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let place = gateway.long_work.enter()?;
    let (registry, zone) = (Arc::clone(&gateway.registry), gateway.time_zone);
    let approve = move |db: &mut Db| {
        let _place = place;
        let by = ComparedBy { registry: &registry, zone };
        separations::approve(&staff.id, db, id, &by, clock::now())
    };
    let run = gateway.main.ask_or(approve).await?;
    Ok(HttpResponse::Ok().json(reconciliations::View::of(run)?))
}

/// The match stays.
#[utoipa::path(
    post, path = "/v1/reconciliation/separations/{separation}/rejection", tag = "Reconciliation",
    security(("staff" = ["settle"])),
    params(("separation" = SeparationId, Path, description = "The separation.")),
    request_body = RejectionBody,
    responses((status = 200, description = "Rejected.", body = View))
)]
pub async fn reject_separation(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let because = read_object(&body, read_reason)?;
    let now = clock::now();
    let reject = move |db: &mut Db| separations::reject(&staff.id, db, id, because, now);
    Ok(HttpResponse::Ok().json(View::of(gateway.main.ask_or(reject).await?)))
}

fn read_id(path: &str) -> Result<SeparationId, Problem> {
    SeparationId::try_from(path).map_err(|_invalid| Problem::not_found())
}

fn read_order(body: &mut FieldReader<'_>) -> Option<SeparationOrder> {
    let statement = body.text("statement", 36);
    let (line, reason) = (body.count("line", 1..=LINES_MAX), read_reason(body));
    let statement = StatementId::try_from(statement?);
    if statement.is_err() {
        body.fail("statement", "expected the id of a statement");
    }
    Some(SeparationOrder { statement: statement.ok()?, line: line?.into(), reason: reason? })
}

fn read_asked(gateway: &Gateway, query: MatchQuery) -> Result<MatchAsked, Problem> {
    let MatchQuery { statement, line, partner, event } = query;
    match (statement, line, partner, event) {
        (Some(statement), Some(line), None, None) => {
            let expected = |_bad| Problem::parameter("statement", "expected the id of a statement");
            let statement = StatementId::try_from(statement.as_str()).map_err(expected)?;
            Ok(MatchAsked::Line { statement, line })
        }
        (None, None, Some(partner), Some(event)) => {
            let partner = read_partner(gateway, Some(&partner))?.id.clone();
            let expected = |_bad| Problem::parameter("event", "expected the id of an event");
            Ok(MatchAsked::Event { partner, event: EventId::try_from(event).map_err(expected)? })
        }
        _ => Err(Problem::parameter(
            "statement",
            "expected statement with line, or partner with event",
        )),
    }
}

impl MatchView {
    fn of(explained: ExplainedMatch) -> Result<Self, Problem> {
        let ExplainedMatch { found, event, report } = explained;
        Ok(Self {
            statement: found.statement,
            line: found.line,
            event,
            rule: found.rule,
            rule_version: found.rule_version,
            made_by: found.made_by,
            ended_by: found.ended_by,
            report: report.map(RawValue::from_string).transpose().map_err(Problem::internal)?,
        })
    }
}

impl View {
    fn of(separation: Separation) -> Self {
        let state = separation.state.name();
        let (decided_by, decided_because, decided_at, run) = match separation.state {
            SeparationState::Proposed => (None, None, None, None),
            SeparationState::Approved { by, at, run } => (Some(by), None, Some(at), Some(run)),
            SeparationState::Rejected { by, because, at } => {
                (Some(by), Some(because), Some(at), None)
            }
        };
        Self {
            id: separation.id,
            partner: separation.partner,
            period: separation.period,
            statement: separation.statement,
            line: separation.line,
            event: separation.event,
            made_by: separation.made_by,
            reason: separation.reason,
            proposed_by: separation.proposed_by,
            proposed_at: separation.proposed_at,
            state,
            decided_by,
            decided_because,
            decided_at,
            run,
        }
    }
}
