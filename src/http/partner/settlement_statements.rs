//! A partner reads the statements of its closed months with their entries, and accepts or disputes them.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, SettlementsAnswer, SettlementsRead};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::SettlementAnswerBody;
use crate::http::server::media::JsonBody;
use crate::http::server::page::{Page, Place};
use crate::http::staff::settlement_entries::{
    AnswerView, EntryPage, EntryViews, FileQuery, OrderedFile, TracedViews, Wanted,
};
use crate::ids::EventId;
use crate::ledger::chain::Hash;
use crate::reconcile::period::Period;
use crate::reconcile::refusal::ReconcileRefusal;
use crate::reconcile::settled_entries;
use crate::reconcile::settlement::statement_no;
use crate::reconcile::settlement_answer::SettlementAnswer;
use crate::reconcile::settlement_answers::{self, AnsweredStatement};
use crate::store::Db;
use crate::store::settlements::{Settlement, SettlementState};

const LINES_MAX: u32 = 1_000_000;
const REASON_CHARACTERS_MAX: usize = 500;

/// A closed month.
#[derive(Serialize, ToSchema)]
#[schema(as = PartnerStatementInList)]
struct Brief {
    statement_no: String,
    period: Period,
    closed_at: Moment,
    /// The hash of the statement's bytes.
    sha256: Hash,
    /// The last of one's own answers: `accepted` or `disputed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    answer: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PartnerStatements)]
pub(in crate::http) struct Briefs {
    statements: Vec<Brief>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// The statement of a closed month.
#[derive(Serialize, ToSchema)]
#[schema(as = PartnerStatement)]
pub(in crate::http) struct View {
    statement_no: String,
    period: Period,
    closed_at: Moment,
    /// The hash of the statement's bytes as they stand here.
    sha256: Hash,
    /// What the caller said of it.
    answers: Vec<AnswerView>,
    /// Its `lines` sum to zero.
    #[schema(value_type = Object)]
    statement: Box<RawValue>,
}

/// One's own closed months, the newest first.
#[utoipa::path(
    get, path = "/v1/settlement-statements", tag = "Settlement",
    security(("partner" = ["settlements:read"])),
    params(Page), responses((status = 200, description = "A page.", body = Briefs))
)]
pub async fn get_settlement_statements(
    caller: Caller<SettlementsRead>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { cursor, limit } = page.into_inner();
    let place = Place::read(limit, cursor.as_deref(), |text| Period::try_from(text).ok())?;
    let (partner, before, rows_max) = (caller.partner.id.clone(), place.after, place.rows_max());
    let books = gateway.books(&caller.partner);
    let found = move |db: &mut Db| settlement_answers::page(&partner, db, before, rows_max);
    let mut found = books.ask_or(found).await?;
    let next = place.cut(&mut found, |last| last.settlement.period.to_string());
    let statements = found.into_iter().map(Brief::of).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(Briefs { statements, next }))
}

/// The statement of a closed month.
#[utoipa::path(
    get, path = "/v1/settlement-statements/{period}", tag = "Settlement",
    security(("partner" = ["settlements:read"])),
    params(("period" = Period, Path, description = "The month.")),
    responses((status = 200, description = "The statement.", body = View))
)]
pub async fn get_settlement_statement(
    caller: Caller<SettlementsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (partner, period) = (caller.partner.id.clone(), read_period(&path)?);
    let books = gateway.books(&caller.partner);
    let found = books.ask_or(move |db| settlement_answers::read(&partner, db, period)).await?;
    Ok(HttpResponse::Ok().json(View::of(found)?))
}

/// The entries behind the statement, or behind one of its lines: what they sum to is what the line says.
#[utoipa::path(
    get, path = "/v1/settlement-statements/{period}/entries", tag = "Settlement",
    security(("partner" = ["settlements:read"])),
    params(("period" = Period, Path, description = "The month."), EntryPage),
    responses((status = 200, description = "A page.", body = EntryViews))
)]
pub async fn get_statement_entries(
    caller: Caller<SettlementsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    page: web::Query<EntryPage>,
) -> Result<HttpResponse, Problem> {
    let (partner, period) = (caller.partner.id.clone(), read_period(&path)?);
    let (wanted, zone) = (Wanted::read(page.into_inner())?, gateway.time_zone);
    let found = move |db: &mut Db| {
        let settlement = settlement_answers::read(&partner, db, period)?.settlement;
        wanted.find(db, &settlement, zone)
    };
    Ok(HttpResponse::Ok().json(gateway.books(&caller.partner).ask_or(found).await?))
}

/// The statement with its entries as a file; a PDF has no entries. `signed` is checked offline with
/// `tallystick reconcile verify`. The same statement gives the same bytes.
#[utoipa::path(
    get, path = "/v1/settlement-statements/{period}/file", tag = "Settlement",
    security(("partner" = ["settlements:read"])),
    params(("period" = Period, Path, description = "The month."), FileQuery),
    responses((status = 200, description = "The file.", content(
        (String = "application/x-ndjson"), (String = "text/csv"), (String = "application/pdf"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )))
)]
pub async fn get_statement_file(
    caller: Caller<SettlementsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    query: web::Query<FileQuery>,
) -> Result<HttpResponse, Problem> {
    let (partner, period) = (caller.partner.id.clone(), read_period(&path)?);
    let (format, books) = (query.into_inner().read()?, gateway.books(&caller.partner));
    let file = OrderedFile { format, zone: gateway.time_zone, keys: books.keys.clone() };
    let place = gateway.statement_files.enter()?;
    let made = move |db: &mut Db| {
        let _place = place;
        let settlement = settlement_answers::read(&partner, db, period)?.settlement;
        file.make(db, &settlement)
    };
    Ok(books.ask_or(made).await?.answer())
}

/// Accepts the statement, or disputes a line of it. The closed month stays as it is; once a statement is
/// accepted it takes no more answers.
#[utoipa::path(
    post, path = "/v1/settlement-statements/{period}/answers", tag = "Settlement",
    security(("partner" = ["settlements:answer"])),
    params(("period" = Period, Path, description = "The month.")),
    request_body = SettlementAnswerBody,
    responses((status = 201, description = "Kept.", body = View))
)]
pub async fn answer_statement(
    caller: Caller<SettlementsAnswer>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (partner, period) = (caller.partner.id.clone(), read_period(&path)?);
    let (answer, now) = (read_object(&body, read_answer)?, clock::now());
    let kept = move |db: &mut Db| settlement_answers::answer(&partner, db, period, answer, now);
    let kept = gateway.books(&caller.partner).ask_or(kept).await?;
    Ok(HttpResponse::Created().json(View::of(kept)?))
}

/// In which statement one of the caller's own events stands.
#[utoipa::path(
    get, path = "/v1/events/{event}/settlement", tag = "Settlement",
    security(("partner" = ["settlements:read"])),
    params(("event" = EventId, Path, description = "The event's id.")),
    responses((status = 200, description = "Its entries.", body = TracedViews))
)]
pub async fn get_event_settlement(
    caller: Caller<SettlementsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let event = EventId::try_from(path.into_inner()).map_err(|_invalid| Problem::not_found())?;
    let (partner, zone) = (caller.partner.id.clone(), gateway.time_zone);
    let found = move |db: &mut Db| settled_entries::trace_event(&partner, db, &event, zone);
    let found = gateway.books(&caller.partner).ask_or(found).await?;
    Ok(HttpResponse::Ok().json(TracedViews::of(found)))
}

fn read_period(path: &str) -> Result<Period, Problem> {
    Period::try_from(path).map_err(|_invalid| Problem::not_found())
}

fn read_answer(body: &mut FieldReader<'_>) -> Option<SettlementAnswer> {
    let answer = body.text("answer", 20)?;
    match answer {
        SettlementAnswer::ACCEPTED => {
            for name in ["line", "reason"] {
                if body.optional(name).is_some() {
                    body.fail(name, "expected with disputed only");
                }
            }
            Some(SettlementAnswer::Accepted)
        }
        SettlementAnswer::DISPUTED => {
            let line = body.count("line", 1..=LINES_MAX);
            let reason = body.text("reason", REASON_CHARACTERS_MAX).map(str::to_owned);
            Some(SettlementAnswer::Disputed { line: line?.into(), reason: reason? })
        }
        _ => {
            body.fail("answer", "expected accepted or disputed");
            None
        }
    }
}

fn closed_at(settlement: &Settlement) -> Result<Moment, ReconcileRefusal> {
    match settlement.state {
        SettlementState::Closed { at, .. } => Ok(at),
        SettlementState::Proposed | SettlementState::Rejected { .. } => {
            Err(ReconcileRefusal::NotClosed)
        }
    }
}

impl Brief {
    fn of(found: AnsweredStatement) -> Result<Self, Problem> {
        let AnsweredStatement { settlement, answers } = found;
        Ok(Self {
            statement_no: statement_no(&settlement.partner, settlement.period, settlement.number),
            period: settlement.period,
            closed_at: closed_at(&settlement)?,
            sha256: Hash(settlement.sha256),
            answer: answers.last().map(|last| last.answer.name()),
        })
    }
}

impl View {
    fn of(found: AnsweredStatement) -> Result<Self, Problem> {
        let AnsweredStatement { settlement, answers } = found;
        let closed_at = closed_at(&settlement)?;
        Ok(Self {
            statement_no: statement_no(&settlement.partner, settlement.period, settlement.number),
            period: settlement.period,
            closed_at,
            sha256: Hash(settlement.sha256),
            answers: AnswerView::all(answers),
            statement: RawValue::from_string(settlement.content).map_err(Problem::internal)?,
        })
    }
}
