//! The shop's daily file, sent by an ordinary form. It is imported like one that is uploaded by the
//! API.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::NaiveDate;

use super::door::enter;
use super::page::{Frame, show};
use super::shop::Shop;
use super::visit::{Visit, Visitor};
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::multipart::{self, Part};
use crate::http::partner::tus;
use crate::http::partner::uploads::{self, WholeFile};
use crate::http::problem::Problem;
use crate::ids::ImportId;
use crate::store::imports::{self, Import};

#[derive(Template)]
#[template(path = "merchant/file.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    day: String,
    error: &'static str,
}

#[derive(Template)]
#[template(path = "merchant/file_state.html", config = "src/http/askama.toml")]
struct StatePage {
    frame: Frame,
    import: Import,
    state: &'static str,
}

/// The fields of the form.
struct SentFile<'a> {
    token: String,
    day: NaiveDate,
    file_name: Option<String>,
    content: &'a [u8],
}

/// `GET /m/{partner}/files`.
pub async fn get_form(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let shop = of_file(&request, &gateway)?;
    let visit = match Visit::open(&request, &gateway, shop)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let day = gateway.day(clock::now()).to_string();
    show(&request, StatusCode::OK, &Page { frame: visit.frame(&request), day, error: "" })
}

/// `POST /m/{partner}/files`.
pub async fn post_file(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let shop = of_file(&request, &gateway)?;
    let visit = match Visit::send(&request, &gateway, shop)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let today = gateway.day(clock::now());
    let sent = multipart::read(kind, &body).and_then(|parts| read(&parts, today));
    let Some(sent) = sent.filter(|sent| visit.is_own(&sent.token)) else {
        let (day, error) = (today.to_string(), visit.words.file_wrong);
        let page = Page { frame: visit.frame(&request), day, error };
        return Visit::show_again(&request, &page);
    };
    let file = WholeFile {
        file_name: sent.file_name.as_deref(),
        business_date: sent.day,
        content: sent.content,
    };
    let id = uploads::keep_whole(&gateway, &visit.shop.partner, &file).await?;
    Ok(visit.go_to(&format!("/files/{id}")))
}

/// `GET /m/{partner}/files/{import}`.
pub async fn get_state(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let shop = of_file(&request, &gateway)?;
    let visit = match Visit::open(&request, &gateway, shop)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let shop = &visit.shop;
    let id = request.match_info().get("import").unwrap_or_default();
    let id = ImportId::try_from(id).map_err(|_invalid| Problem::not_found())?;
    let partner = shop.partner.id.clone();
    let found = gateway.books(&shop.partner).ask(move |db| imports::get(db, &partner, id)).await?;
    let import = found.ok_or_else(Problem::not_found)?;
    let frame = visit.frame(&request);
    let state = match import.state {
        imports::State::Receiving | imports::State::Waiting => frame.w.state_waiting,
        imports::State::Running => frame.w.state_running,
        imports::State::Done => frame.w.state_done,
        imports::State::Failed => frame.w.state_failed,
    };
    show(&request, StatusCode::OK, &StatePage { frame, import, state })
}

/// A shop that has a daily file.
fn of_file(request: &HttpRequest, gateway: &Gateway) -> Result<Shop, Problem> {
    let shop = enter(request, gateway)?;
    if shop.partner.payments_file.is_none() {
        return Err(Problem::not_found());
    }
    Ok(shop)
}

fn read<'a>(parts: &[Part<'a>], today: NaiveDate) -> Option<SentFile<'a>> {
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    let text = |name: &str| std::str::from_utf8(part(name)?.content).ok();
    let file = part("file").filter(|file| !file.content.is_empty())?;
    let is_name = |name: &&String| {
        (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    Some(SentFile {
        token: text("token")?.to_owned(),
        day: tus::business_date(text("day")?, today)?,
        file_name: file.file_name.as_ref().filter(is_name).cloned(),
        content: file.content,
    })
}
