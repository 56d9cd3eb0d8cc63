//! Signing in by the bank's identity provider, and signing out.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::cookies::{self, Begun, page_of_ours};
use super::page::{self, Plain};
use super::visit::{Sent, flow};
use crate::clock;
use crate::http::Gateway;
use crate::http::access::code_flow::{Answer, Freshness, SignInError, SignInSecret};
use crate::http::pages::forms::{new_secret, see_other};
use crate::http::pages::visitor::network;
use crate::http::problem::Problem;
use crate::sessions::{self, Secrets};

/// Sign-ins that one network begins or ends in a second.
const STRANGERS_PER_SECOND: u32 = 20;

#[derive(Template)]
#[template(path = "signed_out.html", config = "src/http/askama.toml")]
struct SignedOut {
    plain: Plain,
    says: &'static str,
    /// Where the button leads.
    href: String,
}

#[derive(Deserialize)]
pub struct Wish {
    #[serde(default)]
    to: String,
    /// Present, where the person shows once more who they are.
    fresh: Option<String>,
}

#[derive(Deserialize)]
pub struct Nothing {}

/// `GET /console/sign-in`.
pub async fn get_sign_in(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    wish: web::Query<Wish>,
) -> Result<HttpResponse, Problem> {
    let flow = flow(&gateway)?;
    bound(&request, &gateway)?;
    let secret = SignInSecret::new()?;
    let freshness = if wish.fresh.is_some() { Freshness::Now } else { Freshness::Any };
    let url = match flow.begin(&secret, freshness).await {
        Ok(url) => url,
        Err(error) => return failed(&request, &error, &wish.to),
    };
    let begun = Begun { secret: secret.reveal().to_owned(), to: page_of_ours(&wish.to) };
    let mut answer = see_other(&url);
    answer.headers_mut().append(header::SET_COOKIE, begun.cookie(&gateway)?);
    Ok(answer)
}

/// `GET /console/callback`: the identity provider sends the browser back.
pub async fn get_callback(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    answer: web::Query<Answer>,
) -> Result<HttpResponse, Problem> {
    let flow = flow(&gateway)?;
    bound(&request, &gateway)?;
    let now = clock::now();
    let begun = Begun::of(&request, &gateway);
    let to = begun.as_ref().map_or("", |begun| begun.to.as_str()).to_owned();
    let signed_in = match &begun {
        Some(begun) => flow.finish(&answer, &SignInSecret::of_cookie(&begun.secret), now).await,
        None => Err(SignInError::State),
    };
    let who = match signed_in {
        Ok(who) => who,
        Err(error) => {
            let mut page = failed(&request, &error, &to)?;
            page.headers_mut().append(header::SET_COOKIE, Begun::gone(&gateway)?);
            return Ok(page);
        }
    };
    let (secret, times) = (new_secret()?, flow.times);
    let before = cookies::session(&request, &gateway).map(str::to_owned);
    let new = secret.clone();
    let begin = move |db: &mut _| {
        let secrets = Secrets { new: &new, before: before.as_deref() };
        sessions::begin(who, db, &secrets, times, now)
    };
    let session = gateway.main.ask(begin).await?;
    tracing::info!(by = %session.who.staff, "signed in at the console");
    let mut response = see_other(&page_of_ours(&to));
    let cookie = cookies::set_session(&gateway, &secret, times.longest.num_seconds())?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response.headers_mut().append(header::SET_COOKIE, Begun::gone(&gateway)?);
    Ok(response)
}

/// `POST /console/sign-out`.
pub async fn post_sign_out(
    gateway: web::Data<Gateway>,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    let session = sent.visit.session;
    gateway.main.ask(move |db| sessions::end(&session.who.staff, db, session.id)).await?;
    let mut response = see_other("/console/signed-out");
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, cookies::end_session(&gateway)?);
    headers.insert(
        header::HeaderName::from_static("clear-site-data"),
        header::HeaderValue::from_static("\"cache\""),
    );
    Ok(response)
}

/// `GET /console/signed-out`.
pub async fn get_signed_out(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    flow(&gateway)?;
    let plain = Plain::new(&request);
    let says = plain.w.signed_out;
    let page = SignedOut { plain, says, href: "/console/sign-in".to_owned() };
    page::show(&request, StatusCode::OK, &page)
}

/// Answers somebody without a session with a page that leads to the sign-in, and back to the page that
/// was asked for. A form's page is opened anew.
pub fn stranger(
    request: &HttpRequest,
    gateway: &Gateway,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    flow(gateway)?;
    let asked = request.uri().path_and_query().map_or("", |asked| asked.as_str());
    let wanted = if status == StatusCode::OK { page_of_ours(asked) } else { page_of_ours("") };
    let plain = Plain::new(request);
    let was_here = cookies::session(request, gateway).is_some();
    let says = if was_here { plain.w.session_over } else { plain.w.sign_in_first };
    let page = SignedOut { plain, says, href: sign_in_path(&wanted) };
    page::show(request, status, &page)
}

/// The sign-in that leads back to a page.
pub fn sign_in_path(to: &str) -> String {
    let to = to.replace('%', "%25").replace('&', "%26").replace('=', "%3D").replace('?', "%3F");
    format!("/console/sign-in?to={to}")
}

/// The same, where the person shows once more who they are.
pub fn fresh_path(to: &str) -> String {
    format!("{}&fresh=1", sign_in_path(to))
}

fn failed(request: &HttpRequest, error: &SignInError, to: &str) -> Result<HttpResponse, Problem> {
    tracing::warn!(%error, "a sign-in at the console has failed");
    let plain = Plain::new(request);
    let w = plain.w;
    let (status, says) = match error {
        SignInError::Provider(_) => (StatusCode::SERVICE_UNAVAILABLE, w.provider_away),
        SignInError::State => (StatusCode::FORBIDDEN, w.other_sign_in),
        SignInError::Refused => (StatusCode::FORBIDDEN, w.not_signed_in),
        SignInError::Issuer | SignInError::IdToken(_) | SignInError::Person => {
            (StatusCode::FORBIDDEN, w.sign_in_refused)
        }
    };
    let page = SignedOut { plain, says, href: sign_in_path(&page_of_ours(to)) };
    page::show(request, status, &page)
}

/// Bounds what one network asks without a session.
fn bound(request: &HttpRequest, gateway: &Gateway) -> Result<(), Problem> {
    let name = format!("console network {}", network(request));
    gateway.limit_person(request, &name, STRANGERS_PER_SECOND, clock::now())
}
