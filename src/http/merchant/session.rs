//! Whether somebody at the shop is signed in: a signed cookie, good for a working day and for as
//! long as the PIN is the same. Sessions need no table, and are good at every gateway.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Shop;
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::cookie::{Cookie, read_cookie};
use crate::http::pages::forms::{is_token, new_token};
use crate::http::problem::Problem;

const COOKIE: &str = "shop";
/// Keeps sessions apart from the other things that the key signs.
const TYPE: &str = "form-session+jws";
const LIFE: TimeDelta = TimeDelta::hours(12);
/// How far the clock of another gateway, which began the session, may be ahead.
const SKEW: TimeDelta = TimeDelta::minutes(1);

#[derive(Serialize, Deserialize)]
pub struct Session {
    partner: String,
    /// The tag of the PIN with which the session began.
    pin: String,
    /// Stands in each form of the session, so that no other site can send one.
    pub token: String,
    /// Unix seconds.
    until: i64,
}

impl Session {
    /// Begins a session, after the PIN was right.
    pub fn begin(shop: &Shop) -> Result<Self, Problem> {
        Ok(Self {
            partner: shop.partner.id.to_string(),
            pin: shop.form.pin.tag(),
            token: new_token()?,
            until: clock::now().plus(LIFE).unix_seconds(),
        })
    }

    /// The session that a request carries, if it is good for this shop.
    pub fn of(request: &HttpRequest, gateway: &Gateway, shop: &Shop) -> Option<Self> {
        let (sealed, now) = (read_cookie(request, COOKIE)?, clock::now());
        // A key that was given up, or replaced more than a working day ago, vouches for nothing.
        let (_key, session): (String, Self) =
            gateway.keys.token.open_in_force(TYPE, sealed, LIFE, now)?;
        let is_good = session.partner == shop.partner.id.as_str()
            && session.pin == shop.form.pin.tag()
            && session.until > now.unix_seconds()
            && session.until <= now.plus(LIFE).plus(SKEW).unix_seconds();
        is_good.then_some(session)
    }

    /// Whether a form belongs to this session.
    pub fn sent(&self, token: &str) -> bool {
        is_token(&self.token, token)
    }

    /// `Set-Cookie`.
    pub fn cookie(&self, gateway: &Gateway, shop: &Shop) -> Result<HeaderValue, Problem> {
        let payload = serde_json::to_vec(self).map_err(Problem::internal)?;
        let signed = gateway.keys.token.sign(TYPE, &payload, clock::now());
        let signed = signed.map_err(Problem::internal)?;
        cookie(gateway, shop, &signed, LIFE.num_seconds())
    }
}

/// `Set-Cookie` that takes the session away.
pub fn no_cookie(gateway: &Gateway, shop: &Shop) -> Result<HeaderValue, Problem> {
    cookie(gateway, shop, "", 0)
}

fn cookie(
    gateway: &Gateway,
    shop: &Shop,
    value: &str,
    seconds: i64,
) -> Result<HeaderValue, Problem> {
    let (path, secure) = (shop.path(""), gateway.issuer.starts_with("https://"));
    let cookie = Cookie { name: COOKIE, value, path: &path, seconds, secure };
    cookie.header().map_err(Problem::internal)
}
