//! Staff hand in what a partner says happened in a month, and see which files have come.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::{Reconcile, Staff};
use crate::http::problem::{MEDIA_TYPE, Problem};
use crate::http::server::media::content_type;
use crate::http::server::page::Place;
use crate::http::server::paths::REPLAYED;
use crate::ids::{PartnerId, StatementId};
use crate::intake::Charset;
use crate::ledger::chain::Hash;
use crate::partner::Partner;
use crate::reconcile::period::Period;
use crate::reconcile::refusal::ReconcileRefusal;
use crate::reconcile::statement::{Statement, StatementSender};
use crate::reconcile::statement_file::FileSource;
use crate::reconcile::statement_original;
use crate::reconcile::statements::{self, HandedIn, Imported, StatementOrder};
use crate::store;

/// Where a file belongs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Belongs {
    #[param(value_type = PartnerId, required)]
    partner: Option<String>,
    /// The month.
    #[param(value_type = Period, required)]
    period: Option<String>,
    /// 1, when absent: where a month comes in several files, each has a number.
    #[param(minimum = 1, maximum = 400, required = false, nullable = false)]
    part: Option<i64>,
    /// What fits the lines of the file, when absent.
    #[param(pattern = "^(utf-8|gb18030)$", required = false, nullable = false)]
    charset: Option<String>,
    #[param(max_length = 200, required = false, nullable = false)]
    file_name: Option<String>,
}

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    #[param(value_type = PartnerId, required)]
    partner: Option<String>,
    /// The `next` of the page before.
    #[param(required = false, nullable = false)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, required = false, nullable = false)]
    limit: Option<u16>,
}

/// A file in which a partner says what happened.
#[derive(Serialize, ToSchema)]
#[schema(as = Statement)]
pub(in crate::http) struct View {
    id: StatementId,
    partner: PartnerId,
    period: Period,
    part: i64,
    /// Rises with each other file for the same part. The newest that is `ready` counts.
    version: i64,
    /// `loading` or `ready`.
    state: &'static str,
    sha256: Hash,
    charset: String,
    packed: bool,
    /// Lines that are compared.
    lines: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    file_name: Option<String>,
    /// The id of staff, `partner` with its id, or `drop folder`.
    imported_by: String,
    imported_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Statements)]
pub(in crate::http) struct Views {
    statements: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// A partner's statement: CSV as its manifest maps the columns, plain, gzip or in a ZIP archive, or a
/// workbook (.xlsx). Its totals hold before any line is used. The same file again is the same statement.
#[utoipa::path(
    post, path = "/v1/reconciliation/statements", tag = "Reconciliation",
    security(("staff" = ["reconcile"])), params(Belongs),
    request_body(content((String = "text/csv"))),
    responses(
        (status = 201, description = "Kept.", body = View),
        (status = 200, description = "The same file had come before.", body = View),
    )
)]
pub async fn post_statement(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Belongs>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    check_type(&request)?;
    let Belongs { partner, period, part, charset, file_name } = query.into_inner();
    let partner = read_partner(&gateway, partner.as_deref())?;
    let period = read_period(period.as_deref())?;
    let charset = charset.as_deref().map(read_charset).transpose()?;
    let (zone, part) = (gateway.time_zone, part.unwrap_or(1));
    let bytes_max = gateway.unpacked_bytes_max.min(statements::UNPACKED_BYTES_MAX);
    let source = FileSource::Bytes(Arc::new(body.to_vec()));
    let place = Arc::new(gateway.long_work.enter()?);
    let (kept, lent) = (Arc::clone(&place), Arc::clone(&partner));
    let read = web::block(move || {
        let (_place, partner) = (kept, &lent);
        let order =
            StatementOrder { partner, period, part, file_name, source, charset, zone, bytes_max };
        let checked = statements::check(&order)?;
        let StatementOrder { file_name, source, .. } = order;
        Ok::<_, ReconcileRefusal>((file_name, source, checked))
    });
    let (file_name, source, checked) = read.await.map_err(Problem::internal)??;
    let keys = gateway.keys.personal.clone();
    let import = move |db: &mut store::Db| {
        let (_place, partner) = (place, &partner);
        let order =
            StatementOrder { partner, period, part, file_name, source, charset, zone, bytes_max };
        let (who, at) =
            (StatementSender::Staff(staff.id), HandedIn { keys: &keys, now: clock::now() });
        statements::import(&who, db, &order, &checked, &at)
    };
    Ok(match gateway.main.ask_or(import).await? {
        Imported::New(statement) => HttpResponse::Created().json(View::of(statement)),
        Imported::Before(statement) => {
            HttpResponse::Ok().insert_header((REPLAYED, "true")).json(View::of(statement))
        }
    })
}

/// A partner's statements, newest first.
#[utoipa::path(
    get, path = "/v1/reconciliation/statements", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_statements(
    _staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { partner, cursor, limit } = page.into_inner();
    let partner = read_partner(&gateway, partner.as_deref())?.id.clone();
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let (before, rows_max) = (place.after, place.rows_max());
    let asked = move |db: &mut store::Db| store::statements::page(db, &partner, before, rows_max);
    let mut found = gateway.main.ask(asked).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.imported_at, last.id));
    let statements = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { statements, next }))
}

/// The file of a statement as it came, while it is kept: as long as the programme keeps evidence.
#[utoipa::path(
    get, path = "/v1/reconciliation/statements/{statement}/original", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(("statement" = StatementId, Path, description = "The statement.")),
    responses((
        status = 200, description = "The bytes whose SHA-256 the statement names.",
        content((String = "application/octet-stream"))
    ))
)]
pub async fn get_statement_original(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = StatementId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    // The first part is read before the answer begins, so that a fault is a problem and not half a file.
    let (keys, now) = (gateway.keys.personal.clone(), clock::now());
    let fetched =
        move |db: &mut store::Db| statement_original::first_part(&staff.id, db, &keys, id, now);
    let first = gateway.main.ask_or(fetched).await?.ok_or_else(Problem::not_found)?;
    let start = i64::try_from(first.len()).map_err(Problem::internal)?;
    let first = stream::once(std::future::ready(Ok(web::Bytes::from(first))));
    let rest = stream::unfold((gateway, Some(start)), move |(gateway, start)| async move {
        let start = start?;
        let part = match original_part(&gateway, id, start).await {
            Ok(part) => part?,
            Err(problem) => {
                problem.log_cause();
                return Some((Err(actix_web::Error::from(problem)), (gateway, None)));
            }
        };
        let next = start.saturating_add(i64::try_from(part.len()).unwrap_or(i64::MAX));
        Some((Ok(web::Bytes::from(part)), (gateway, Some(next))))
    });
    let name = format!("attachment; filename=\"{id}.original\"");
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(first.chain(rest)))
}

async fn original_part(
    gateway: &Gateway,
    id: StatementId,
    start: i64,
) -> Result<Option<Vec<u8>>, Problem> {
    let keys = gateway.keys.personal.clone();
    let asked = move |db: &mut store::Db| statement_original::part(db, &keys, id, start);
    Ok(gateway.main.ask_or(asked).await?)
}

/// A partner whose books are the real ones.
pub(in crate::http) fn read_partner(
    gateway: &Gateway,
    id: Option<&str>,
) -> Result<Arc<Partner>, Problem> {
    let expected = || Problem::parameter("partner", "expected the id of a partner");
    let id = PartnerId::try_from(id.unwrap_or_default()).map_err(|_invalid| expected())?;
    let partner = gateway.registry.get(&id).ok_or_else(expected)?;
    if gateway.is_apart(&partner) { Err(expected()) } else { Ok(partner) }
}

pub(in crate::http) fn read_period(text: Option<&str>) -> Result<Period, Problem> {
    let period = Period::try_from(text.unwrap_or_default());
    period.map_err(|invalid| Problem::parameter("period", &invalid.to_string()))
}

fn read_charset(name: &str) -> Result<Charset, Problem> {
    let expected = || Problem::parameter("charset", "expected utf-8 or gb18030");
    Charset::by_name(name).ok_or_else(expected)
}

fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let sent = content_type(request.headers())?;
    let known = [
        "text/csv",
        "application/gzip",
        "application/zip",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/octet-stream",
    ];
    match sent.as_deref() {
        Some(sent) if known.contains(&sent) => Ok(()),
        Some(_) | None => {
            Err(Problem::new(&MEDIA_TYPE, format!("Send it as one of {}.", known.join(", "))))
        }
    }
}

fn read_cursor(cursor: &str) -> Option<(Moment, StatementId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, StatementId::try_from(id).ok()?))
}

impl View {
    fn of(statement: Statement) -> Self {
        Self {
            id: statement.id,
            partner: statement.partner,
            period: statement.period,
            part: statement.part,
            version: statement.version,
            state: statement.state.name(),
            sha256: Hash(statement.sha256),
            charset: statement.charset,
            packed: statement.packed,
            lines: statement.lines,
            file_name: statement.file_name,
            imported_by: statement.imported_by,
            imported_at: statement.imported_at,
        }
    }
}
