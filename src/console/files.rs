//! Partners' statements: which have come, and handing one in, first to see whether its controls hold.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::break_page::FormError;
use super::page::{self, Frame, Part};
use super::settlement::path as month_path;
use super::visit::{Visit, check_token};
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::pages::figures::grouped;
use crate::http::pages::forms::see_other;
use crate::http::pages::multipart::{self, Part as FormPart};
use crate::http::problem::{BAD_REQUEST, Problem};
use crate::http::server::page::Place;
use crate::ids::{PartnerId, StatementId, hex};
use crate::partner::Partner;
use crate::reconcile::period::Period;
use crate::reconcile::refusal::ReconcileRefusal;
use crate::reconcile::statement::{Statement, StatementSender};
use crate::reconcile::statement_file::{CheckedFile, FileFault, FileSource};
use crate::reconcile::statements::{self, HandedIn, StatementOrder};

const ROWS: u16 = 50;
/// Maximum bytes of a file that comes by a form, once it is unpacked. Larger ones come by command.
const UNPACKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Lines with a fault that are shown.
const FAULTS_MAX: usize = 20;
const FILE_NAME_CHARACTERS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "files.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    partners: Vec<Choice>,
    period: String,
    rows: Vec<Row>,
    next: String,
    errors: Vec<FormError>,
    preview: Option<Preview>,
}

struct Choice {
    id: String,
    name: String,
    is_chosen: bool,
}

struct Row {
    month: String,
    href: String,
    file_name: String,
    version: i64,
    lines: String,
    by: String,
    at: String,
}

/// A file that was looked at, and not kept.
struct Preview {
    file_name: String,
    lines: String,
    charset: String,
    sha256: String,
}

#[derive(Deserialize)]
pub struct Query {
    #[serde(default)]
    partner: String,
    cursor: Option<String>,
}

/// The fields of the form.
struct SentFile {
    partner: Arc<Partner>,
    period: Period,
    file_name: Option<String>,
    content: Vec<u8>,
    /// The file is only looked at.
    only_check: bool,
}

/// `GET /console/files`.
pub async fn get_files(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let period = Period::of(clock::now().day_in(gateway.time_zone)).before();
    let shown = Shown {
        partner: query.partner.clone(),
        period: period.to_string(),
        cursor: query.cursor.clone(),
        errors: Vec::new(),
        preview: None,
    };
    show(&visit, &gateway, &request, shown).await
}

/// `POST /console/files`.
pub async fn post_file(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bad = || Problem::new(&BAD_REQUEST, "The form is not as its page has it.");
    let parts = multipart::read(kind, &body).ok_or_else(bad)?;
    let text = |name: &str| field(&parts, name).unwrap_or_default();
    check_token(&visit, text("token"))?;
    let (partner, period) = (text("partner").to_owned(), text("period").to_owned());
    let frame_words =
        super::words::ConsoleWords::of(crate::http::pages::words::Language::of(&request));
    let again = |errors| Shown {
        partner: partner.clone(),
        period: period.clone(),
        cursor: None,
        errors,
        preview: None,
    };
    let sent = match read(&gateway, &parts, frame_words) {
        Ok(sent) => sent,
        Err(errors) => return show(&visit, &gateway, &request, again(errors)).await,
    };
    let file_name = sent.file_name.clone();
    match hand_in(&visit, &gateway, sent).await {
        Ok(Handed::Kept(path)) => Ok(see_other(&path)),
        Ok(Handed::Checked(checked)) => {
            let preview = Some(Preview::of(file_name, &checked));
            show(&visit, &gateway, &request, Shown { preview, ..again(Vec::new()) }).await
        }
        Err(ReconcileOrProblem::Refused(ReconcileRefusal::File(fault))) => {
            show(&visit, &gateway, &request, again(faults(&fault))).await
        }
        Err(ReconcileOrProblem::Refused(refusal)) => Err(refusal.into()),
        Err(ReconcileOrProblem::Problem(problem)) => Err(problem),
    }
}

/// What became of a file.
enum Handed {
    Checked(CheckedFile),
    /// The page of its month.
    Kept(String),
}

enum ReconcileOrProblem {
    Refused(ReconcileRefusal),
    Problem(Problem),
}

impl From<ReconcileRefusal> for ReconcileOrProblem {
    fn from(refusal: ReconcileRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for ReconcileOrProblem {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// The controls hold before any line is kept.
async fn hand_in(
    visit: &Visit,
    gateway: &Gateway,
    sent: SentFile,
) -> Result<Handed, ReconcileOrProblem> {
    let place = Arc::new(gateway.long_work.enter()?);
    let zone = gateway.time_zone;
    let bytes_max = gateway.unpacked_bytes_max.min(UNPACKED_BYTES_MAX);
    let SentFile { partner, period, file_name, content, only_check } = sent;
    let source = FileSource::Bytes(Arc::new(content));
    let (kept, lent) = (Arc::clone(&place), Arc::clone(&partner));
    let checking = web::block(move || {
        let (_place, partner, charset, part) = (kept, &lent, None, 1);
        let order =
            StatementOrder { partner, period, part, file_name, source, charset, zone, bytes_max };
        let checked = statements::check(&order)?;
        let StatementOrder { file_name, source, .. } = order;
        Ok::<_, ReconcileRefusal>((file_name, source, checked))
    });
    let stopped = |_cancelled| Problem::busy("The service is stopping.");
    let (file_name, source, checked) = checking.await.map_err(stopped)??;
    if only_check {
        return Ok(Handed::Checked(checked));
    }
    let (who, path) = (StatementSender::Staff(visit.id().clone()), month_path(&partner.id, period));
    let keys = gateway.keys.personal.clone();
    let import = move |db: &mut _| {
        let (_place, partner, charset, part) = (place, &partner, None, 1);
        let order =
            StatementOrder { partner, period, part, file_name, source, charset, zone, bytes_max };
        let at = HandedIn { keys: &keys, now: clock::now() };
        statements::import(&who, db, &order, &checked, &at)
    };
    gateway.main.ask_or(import).await?;
    Ok(Handed::Kept(path))
}

fn field<'a>(parts: &'a [FormPart<'_>], name: &str) -> Option<&'a str> {
    let part = parts.iter().find(|part| part.name == name)?;
    std::str::from_utf8(part.content).ok()
}

fn read(
    gateway: &Gateway,
    parts: &[FormPart<'_>],
    w: &super::words::ConsoleWords,
) -> Result<SentFile, Vec<FormError>> {
    let mut errors = Vec::new();
    let mut wrong = |field, says: &str| errors.push(FormError { field, says: says.to_owned() });
    let text = |name: &str| field(parts, name).unwrap_or_default();
    let id = PartnerId::try_from(text("partner")).ok();
    let partner = id.and_then(|id| gateway.registry.get(&id));
    let partner = partner.filter(|it| it.statement.is_some() && !gateway.is_apart(it));
    if partner.is_none() {
        wrong("partner", w.error_partner);
    }
    let period = Period::try_from(text("period")).ok();
    if period.is_none() {
        wrong("period", w.error_period);
    }
    let file = parts.iter().find(|part| part.name == "file" && !part.content.is_empty());
    if file.is_none() {
        wrong("file", w.error_file);
    }
    let is_name = |name: &&String| {
        (1..=FILE_NAME_CHARACTERS_MAX).contains(&name.chars().count())
            && !name.chars().any(char::is_control)
    };
    match (partner, period, file) {
        (Some(partner), Some(period), Some(file)) => Ok(SentFile {
            partner,
            period,
            file_name: file.file_name.as_ref().filter(is_name).cloned(),
            content: file.content.to_vec(),
            only_check: text("do") != "keep",
        }),
        (None, _, _) | (_, None, _) | (_, _, None) => Err(errors),
    }
}

/// What is wrong with a file, line by line.
fn faults(fault: &FileFault) -> Vec<FormError> {
    let error = |says: String| FormError { field: "file", says };
    match fault {
        FileFault::File(problem) => vec![error(problem.to_string())],
        FileFault::Lines(lines) => {
            let shown = lines.iter().take(FAULTS_MAX);
            shown.map(|it| error(format!("{}: {}", it.line, it.problem))).collect()
        }
        FileFault::Changed | FileFault::NotDeclared => vec![error(fault.to_string())],
    }
}

/// What the page shows.
struct Shown {
    partner: String,
    period: String,
    cursor: Option<String>,
    errors: Vec<FormError>,
    preview: Option<Preview>,
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    shown: Shown,
) -> Result<HttpResponse, Problem> {
    let Shown { partner, period, cursor, errors, preview } = shown;
    let frame = Frame::open(request, gateway, visit, Part::Files).await?;
    let listed = gateway.registry.now();
    let mapped: Vec<&Arc<Partner>> =
        listed.iter().filter(|it| it.statement.is_some() && !gateway.is_apart(it)).collect();
    let chosen = mapped.iter().find(|it| it.id.as_str() == partner).or(mapped.first());
    let (mut rows, mut next) = (Vec::new(), None);
    if let Some(chosen) = chosen {
        let place = Place::read(Some(ROWS), cursor.as_deref(), read_cursor)?;
        let (id, before, rows_max) = (chosen.id.clone(), place.after, place.rows_max());
        let list = move |db: &mut _| statements::list(db, &id, before, rows_max);
        let mut found = gateway.main.ask_or(list).await?;
        next = place.cut(&mut found, |last| format!("{}~{}", last.imported_at, last.id));
        rows = found.iter().map(|it| Row::of(&frame, it)).collect();
    }
    let chosen = chosen.map(|it| it.id.clone());
    let choices = mapped.iter().map(|it| Choice {
        id: it.id.to_string(),
        name: it.name.clone(),
        is_chosen: chosen.as_ref() == Some(&it.id),
    });
    let partner = chosen.as_ref().map_or_else(String::new, ToString::to_string);
    let next = next.map(|next| format!("/console/files?partner={partner}&cursor={next}"));
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Page {
        partners: choices.collect(),
        period,
        rows,
        next: next.unwrap_or_default(),
        errors,
        preview,
        frame,
    };
    page::show(request, status, &page)
}

fn read_cursor(cursor: &str) -> Option<(Moment, StatementId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, StatementId::try_from(id).ok()?))
}

impl Row {
    fn of(frame: &Frame, statement: &Statement) -> Self {
        Self {
            month: frame.figures.month(statement.period.first_day()),
            href: month_path(&statement.partner, statement.period),
            file_name: statement.file_name.clone().unwrap_or_else(|| "–".to_owned()),
            version: statement.version,
            lines: grouped(&statement.lines.to_string()),
            by: statement.imported_by.as_str().to_owned(),
            at: frame.figures.time(&statement.imported_at),
        }
    }
}

impl Preview {
    fn of(file_name: Option<String>, checked: &CheckedFile) -> Self {
        Self {
            file_name: file_name.unwrap_or_else(|| "–".to_owned()),
            lines: grouped(&checked.lines.to_string()),
            charset: checked.charset.name().to_owned(),
            sha256: hex(&checked.sha256),
        }
    }
}
