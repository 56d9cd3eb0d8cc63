//! Whether somebody at the shop is signed in: a signed cookie, good for a working day and for as long as
//! the PIN is the same. It needs no table, and is good at every gateway.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::{constant_time, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Shop;
use super::words::{Language, chosen};
use crate::clock;
use crate::http::Gateway;
use crate::http::problem::Problem;

/// The cookie that keeps the language.
pub const LANGUAGE: &str = "lang";
const COOKIE: &str = "shop";
/// Keeps it apart from what else the key signs.
const TYPE: &str = "form-session+jws";
const HOURS: i64 = 12;

#[derive(Serialize, Deserialize)]
pub struct Session {
    partner: String,
    /// Of the PIN with which it began.
    pin: String,
    /// Stands in each form of the session, so that no other site can send one.
    pub token: String,
    /// Unix seconds.
    until: i64,
}

impl Session {
    /// Begins one, after the PIN was right.
    pub fn begin(shop: &Shop) -> Result<Self, Problem> {
        let mut token = [0; 16];
        rand::fill(&mut token).map_err(|_none| Problem::internal("no randomness"))?;
        Ok(Self {
            partner: shop.partner.id.to_string(),
            pin: shop.form.pin.tag(),
            token: URL_SAFE_NO_PAD.encode(token),
            until: clock::now().unix_seconds().saturating_add(HOURS * 3_600),
        })
    }

    /// The one that a request comes with, if it is good for this shop.
    pub fn of(request: &HttpRequest, gateway: &Gateway, shop: &Shop) -> Option<Self> {
        let session: Self = gateway.keys.token.open(TYPE, read_cookie(request, COOKIE)?)?;
        let is_good = session.partner == shop.partner.id.as_str()
            && session.pin == shop.form.pin.tag()
            && session.until > clock::now().unix_seconds();
        is_good.then_some(session)
    }

    /// Whether a form is of this session.
    pub fn sent(&self, token: &str) -> bool {
        constant_time::verify_slices_are_equal(self.token.as_bytes(), token.as_bytes()).is_ok()
    }

    /// `Set-Cookie`.
    pub fn cookie(&self, gateway: &Gateway, shop: &Shop) -> Result<HeaderValue, Problem> {
        let payload = serde_json::to_vec(self).map_err(Problem::internal)?;
        let signed = gateway.keys.token.sign(TYPE, &payload, clock::now());
        let signed = signed.map_err(Problem::internal)?;
        cookie(gateway, shop, &signed, HOURS * 3_600)
    }
}

/// What takes the session away.
pub fn no_cookie(gateway: &Gateway, shop: &Shop) -> Result<HeaderValue, Problem> {
    cookie(gateway, shop, "", 0)
}

/// RFC 6265, section 4.1: no script reads it, and no other site's page sends it.
fn cookie(
    gateway: &Gateway,
    shop: &Shop,
    value: &str,
    seconds: i64,
) -> Result<HeaderValue, Problem> {
    let secure = if gateway.issuer.starts_with("https://") { "; Secure" } else { "" };
    let path = shop.path("");
    let text = format!(
        "{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    HeaderValue::from_str(&text).map_err(Problem::internal)
}

/// A cookie that a request comes with.
pub fn read_cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let lists = request.headers().get_all(header::COOKIE).filter_map(|list| list.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Keeps the language that a link chose, for a year.
pub fn keep_language(request: &HttpRequest, response: &mut HttpResponse) {
    let kept = match chosen(request) {
        Some(Language::English) => "lang=en; Path=/m/; Max-Age=31536000; HttpOnly; SameSite=Strict",
        Some(Language::Chinese) => "lang=zh; Path=/m/; Max-Age=31536000; HttpOnly; SameSite=Strict",
        None => return,
    };
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(kept));
}
