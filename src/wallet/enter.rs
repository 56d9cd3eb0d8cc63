//! Coming in by a hand-over link, and signing out. To open the link uses nothing up, so that a program
//! that looks at links beforehand takes nothing from the customer; the button does.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::frame::{self, Plain};
use super::visit::{
    Sent, end_secret, opened_hand_over, sealed_hand_over, secret, set_secret, times,
};
use crate::clock;
use crate::customer::wallet_sessions::{self, HandOver, WalletSecrets};
use crate::http::Gateway;
use crate::http::pages::forms::{check_origin, new_secret, see_other};
use crate::http::pages::visitor::network;
use crate::http::problem::Problem;

/// Where hand-over links lead to.
const ENTER_PATH: &str = "/wallet/enter";
/// Links that we never gave, and that one network tries in a second.
const STRANGERS_PER_SECOND: u32 = 20;

#[derive(Template)]
#[template(path = "wallet_enter.html", config = "src/http/askama.toml")]
struct EnterPage {
    plain: Plain,
    secret: String,
}

#[derive(Template)]
#[template(path = "wallet_outside.html", config = "src/http/askama.toml")]
struct OutsidePage {
    plain: Plain,
    title: &'static str,
    says: &'static str,
}

#[derive(Deserialize)]
pub struct HandedOver {
    secret: String,
}

#[derive(Deserialize)]
pub struct Nothing {}

/// The address of a hand-over.
#[must_use]
pub fn link(gateway: &Gateway, hand_over: &HandOver) -> String {
    let secret = sealed_hand_over(gateway, &hand_over.secret);
    format!("{}{}/{secret}", gateway.issuer, ENTER_PATH)
}

/// `GET /wallet/enter/{secret}`.
pub async fn get_enter(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    times(&gateway)?;
    let secret = path.into_inner();
    if opened_hand_over(&gateway, &secret).is_none() {
        bound(&request, &gateway)?;
        return over(&request);
    }
    let page = EnterPage { plain: Plain::new(&request), secret };
    // The kit's referrer policy tells other sites nothing of the link. `no-referrer` would take the origin
    // from the form, too, and the form could not be told from another site's.
    frame::show(&request, StatusCode::OK, &page)
}

/// `POST /wallet/enter`: uses the hand-over up.
pub async fn post_enter(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<HandedOver>,
) -> Result<HttpResponse, Problem> {
    let times = times(&gateway)?;
    check_origin(&request, &gateway.issuer)?;
    // Only what we never gave is counted by network: nobody can hold up those who come by good links.
    let Some(hand_over) = opened_hand_over(&gateway, &form.secret) else {
        bound(&request, &gateway)?;
        return over(&request);
    };
    let hand_over = hand_over.to_owned();
    let before = secret(&request, &gateway).map(str::to_owned);
    let (new, now) = (new_secret()?, clock::now());
    let given = new.clone();
    let begin = move |db: &mut _| {
        let before = before.as_deref();
        let secrets = WalletSecrets { hand_over: &hand_over, new: &new, before };
        wallet_sessions::begin(&secrets, db, times, now)
    };
    if gateway.main.ask(begin).await?.is_none() {
        return over(&request);
    }
    let mut response = see_other("/wallet");
    let cookie = set_secret(&gateway, &given, times.longest.num_seconds())?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `POST /wallet/sign-out`.
pub async fn post_sign_out(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    if let Some(secret) = secret(&request, &gateway).map(str::to_owned) {
        let session = sent.visit.session;
        gateway.main.ask(move |db| wallet_sessions::end(&session, &secret, db)).await?;
    }
    let mut response = see_other("/wallet/signed-out");
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, end_secret(&gateway)?);
    headers.insert(
        header::HeaderName::from_static("clear-site-data"),
        header::HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok(response)
}

/// `GET /wallet/signed-out`.
pub async fn get_signed_out(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    times(&gateway)?;
    let plain = Plain::new(&request);
    let (title, says) = (plain.w.signed_out, plain.w.come_by_the_app);
    frame::show(&request, StatusCode::OK, &OutsidePage { plain, title, says })
}

/// Tells somebody without a session how to come in.
pub fn stranger(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let plain = Plain::at(request, "/wallet");
    let (title, says) = (plain.w.not_signed_in, plain.w.come_by_the_app);
    frame::show(request, StatusCode::FORBIDDEN, &OutsidePage { plain, title, says })
}

/// The hand-over is used, over or unknown: which of them nobody is told.
fn over(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let plain = Plain::at(request, "/wallet");
    let (title, says) = (plain.w.link_over, plain.w.link_over_says);
    frame::show(request, StatusCode::FORBIDDEN, &OutsidePage { plain, title, says })
}

fn bound(request: &HttpRequest, gateway: &Gateway) -> Result<(), Problem> {
    let name = format!("wallet entrance {}", network(request));
    gateway.limit_person(request, &name, STRANGERS_PER_SECOND, clock::now())
}
