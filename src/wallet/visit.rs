//! A customer who is signed in and opens a page or sends a form.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::customer::wallet_sessions::{WalletSession, WalletTimes};
use crate::http::Gateway;
use crate::http::pages::cookie::{Cookie, SameSite, read_cookie};
use crate::http::pages::forms::is_token;
use crate::http::pages::sealed::{opened, sealed};
use crate::http::problem::{BAD_REQUEST, Problem};

/// A customer with a session.
#[derive(Clone)]
pub struct Visit {
    pub session: WalletSession,
    /// Stands in each form of the session.
    pub token: String,
}

/// A form that the session's own page has sent.
pub struct Sent<T> {
    pub visit: Visit,
    pub form: T,
}

/// How long sessions last, where there is a wallet.
pub fn times(gateway: &Gateway) -> Result<WalletTimes, Problem> {
    gateway.wallet.ok_or_else(Problem::not_found)
}

pub fn gateway(request: &HttpRequest) -> Result<web::Data<Gateway>, Problem> {
    let found = request.app_data::<web::Data<Gateway>>().cloned();
    found.ok_or_else(|| Problem::internal("no gateway"))
}

fn is_secure(gateway: &Gateway) -> bool {
    gateway.issuer.starts_with("https://")
}

/// Browsers take a cookie named `__Host-…` from us alone, over TLS alone.
fn cookie_name(gateway: &Gateway) -> &'static str {
    if is_secure(gateway) { "__Host-wallet" } else { "wallet" }
}

/// What the seals of secrets name.
const SESSION: &str = "session of the wallet";
const HAND_OVER: &str = "hand-over to the wallet";

/// The secret of a hand-over as a link carries the secret.
pub fn sealed_hand_over(gateway: &Gateway, secret: &str) -> String {
    sealed(&gateway.keys.fingerprint, secret, HAND_OVER)
}

/// The secret of a link's hand-over, if we gave the secret.
pub fn opened_hand_over<'t>(gateway: &Gateway, text: &'t str) -> Option<&'t str> {
    opened(&gateway.keys.fingerprint, text, HAND_OVER)
}

/// The secret of the session that a request carries, if we gave the secret.
pub fn secret<'r>(request: &'r HttpRequest, gateway: &Gateway) -> Option<&'r str> {
    opened(&gateway.keys.fingerprint, read_cookie(request, cookie_name(gateway))?, SESSION)
}

/// `Set-Cookie` for a session.
pub fn set_secret(gateway: &Gateway, secret: &str, seconds: i64) -> Result<HeaderValue, Problem> {
    set(gateway, &sealed(&gateway.keys.fingerprint, secret, SESSION), seconds)
}

/// Takes the cookie of the session away.
pub fn end_secret(gateway: &Gateway) -> Result<HeaderValue, Problem> {
    set(gateway, "", 0)
}

fn set(gateway: &Gateway, value: &str, seconds: i64) -> Result<HeaderValue, Problem> {
    let cookie = Cookie {
        name: cookie_name(gateway),
        value,
        path: "/",
        seconds,
        secure: is_secure(gateway),
        same_site: SameSite::Lax,
    };
    cookie.header().map_err(Problem::internal)
}

/// The token of a session's forms. The secret does not follow from it.
pub fn token_of(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("wallet form {secret}").as_bytes()))
}

fn visit(request: &HttpRequest) -> Result<Visit, Problem> {
    let admitted = request.extensions().get::<Visit>().cloned();
    admitted.ok_or_else(|| Problem::internal("a page of the wallet has no door"))
}

impl FromRequest for Visit {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(visit(request))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Sent<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, body: &mut Payload) -> Self::Future {
        let (request, body) =
            (request.clone(), web::Form::<Fields<T>>::from_request(request, body));
        Box::pin(async move {
            let visit = visit(&request)?;
            let fields = body.await.map_err(|_bad| bad_form())?.into_inner();
            if !is_token(&visit.token, &fields.token) {
                return Err(bad_form());
            }
            Ok(Self { visit, form: fields.rest })
        })
    }
}

#[derive(Deserialize)]
struct Fields<T> {
    #[serde(default)]
    token: String,
    #[serde(flatten)]
    rest: T,
}

fn bad_form() -> Problem {
    Problem::new(&BAD_REQUEST, "The form is of another session: open its page again.")
}
