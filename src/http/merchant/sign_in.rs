//! Signing in with the shop's PIN. Each try is counted in the database before the PIN is checked, so
//! that several gateways, or requests at once, give no additional tries.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::door::enter;
use super::page::{Frame, show, words};
use super::session::Session;
use super::shop::Shop;
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::forms::{check_origin, plain, see_other};
use crate::http::pages::visitor::Visitor;
use crate::http::problem::Problem;
use crate::partner::pin_tries::{self, TryOutcome, TrySource};

#[derive(Template)]
#[template(path = "merchant/sign_in.html", config = "src/http/askama.toml")]
struct SignIn {
    frame: Frame,
    error: &'static str,
}

#[derive(Deserialize)]
pub struct PinForm {
    #[serde(default)]
    pin: String,
}

#[derive(Deserialize)]
pub struct TokenForm {
    #[serde(default)]
    token: String,
}

/// Answers with the page that asks for the PIN.
pub fn ask(
    request: &HttpRequest,
    shop: &Shop,
    status: StatusCode,
    error: &'static str,
) -> Result<HttpResponse, Problem> {
    show(request, status, &SignIn { frame: Frame::new(request, shop, None), error })
}

/// `POST /m/{partner}/session`.
pub async fn post_session(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<PinForm>,
) -> Result<HttpResponse, Problem> {
    let shop = enter(&request, &gateway)?;
    check_origin(&request, &gateway.issuer)?;
    let words = words(&request);
    let (partner, source) = (shop.partner.id.clone(), source(&request, &gateway, &shop));
    let (trying, from) = (partner.clone(), source.clone());
    let books = gateway.books(&shop.partner);
    let count = move |db: &mut _| pin_tries::count(&from, db, &trying, clock::now());
    if let TryOutcome::Locked { seconds } = books.ask(count).await? {
        let mut page = ask(&request, &shop, StatusCode::TOO_MANY_REQUESTS, words.pin_locked)?;
        page.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Ok(page);
    }
    let (record, pin) = (shop.form.pin.clone(), plain(&form.pin));
    // The check takes long on purpose, so it does not run on the threads that answer requests.
    let is_right = web::block(move || record.is_of(&pin)).await;
    if !is_right.map_err(|_cancelled| Problem::busy("The service is stopping."))? {
        return ask(&request, &shop, StatusCode::UNPROCESSABLE_ENTITY, words.pin_wrong);
    }
    let forget = move |db: &mut _| pin_tries::forget(&source, db, &partner, clock::now());
    books.ask(forget).await?;
    let mut response = see_other(&shop.path(""));
    let cookie = Session::begin(&request, &gateway, &shop)?.cookie(&gateway, &shop)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `POST /m/{partner}/session/end`.
pub async fn end_session(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<TokenForm>,
) -> Result<HttpResponse, Problem> {
    let shop = enter(&request, &gateway)?;
    check_origin(&request, &gateway.issuer)?;
    let mut response = see_other(&shop.path(""));
    let session = Session::of(&request, &gateway, &shop);
    if let Some(session) = session.filter(|session| session.sent(&form.token)) {
        let cookie = session.ended().cookie(&gateway, &shop)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Where a try comes from. The network is kept as a keyed hash only.
fn source(request: &HttpRequest, gateway: &Gateway, shop: &Shop) -> TrySource {
    if let Some(device) = Session::device(request, gateway, shop) {
        return TrySource::Device(device);
    }
    let network = Visitor::of(request, &shop.partner.id).network();
    let hash = gateway.keys.personal.blind_index("network", &network);
    TrySource::Network(URL_SAFE_NO_PAD.encode(hash))
}
