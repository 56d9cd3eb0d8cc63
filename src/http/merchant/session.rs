//! Whether somebody at the shop is signed in: a signed cookie, good for a working day and for as
//! long as the PIN is the same. Sessions need no table, and are good at every gateway. The browser
//! keeps the cookie longer than the session lasts: it says that the device is the shop's.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::shop::Shop;
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::cookie::{Cookie, SameSite, read_cookie};
use crate::http::pages::forms::{is_token, new_token};
use crate::http::problem::Problem;

const COOKIE: &str = "shop";
/// Keeps sessions apart from the other things that the key signs.
const TYPE: &str = "form-session+jws";
const LIFE: TimeDelta = TimeDelta::hours(12);
/// How long a device is known after its last sign-in.
const DEVICE_LIFE: TimeDelta = TimeDelta::days(90);
/// How far the clock of another gateway, which began the session, may be ahead.
const SKEW: TimeDelta = TimeDelta::minutes(1);

#[derive(Serialize, Deserialize)]
pub struct Session {
    partner: String,
    /// The tag of the PIN with which the session began.
    pin: String,
    /// Stands in each form of the session, so that no other site can send one.
    pub token: String,
    /// Unix seconds; 0 after signing out.
    until: i64,
    /// The device, the same for all of its sessions.
    #[serde(default)]
    device: String,
}

impl Session {
    /// Begins a session, after the PIN was right.
    pub fn begin(request: &HttpRequest, gateway: &Gateway, shop: &Shop) -> Result<Self, Problem> {
        let known = Self::read(request, gateway, shop, DEVICE_LIFE);
        let device = known.map(|session| session.device).filter(|device| !device.is_empty());
        Ok(Self {
            partner: shop.partner.id.to_string(),
            pin: shop.form.pin.tag(),
            token: new_token()?,
            until: clock::now().plus(LIFE).unix_seconds(),
            device: device.map_or_else(new_token, Ok)?,
        })
    }

    /// The session that a request carries, if it is good for this shop.
    pub fn of(request: &HttpRequest, gateway: &Gateway, shop: &Shop) -> Option<Self> {
        let session = Self::read(request, gateway, shop, LIFE)?;
        let now = clock::now();
        let is_good = session.until > now.unix_seconds()
            && session.until <= now.plus(LIFE).plus(SKEW).unix_seconds();
        is_good.then_some(session)
    }

    /// The id of a device that was signed in at this shop before, with the PIN of now.
    pub fn device(request: &HttpRequest, gateway: &Gateway, shop: &Shop) -> Option<String> {
        let session = Self::read(request, gateway, shop, DEVICE_LIFE)?;
        let known_since = clock::now().minus(DEVICE_LIFE).unix_seconds();
        let is_known = session.until == 0 || session.until > known_since;
        Some(session.device).filter(|device| is_known && !device.is_empty())
    }

    /// What the cookie says, if a key vouches for it: until the key's own end, and no longer than
    /// `life` after the next key has begun.
    fn read(
        request: &HttpRequest,
        gateway: &Gateway,
        shop: &Shop,
        life: TimeDelta,
    ) -> Option<Self> {
        let sealed = read_cookie(request, COOKIE)?;
        let (_key, session): (String, Self) =
            gateway.keys.token.open_in_force(TYPE, sealed, life, clock::now())?;
        let is_own =
            session.partner == shop.partner.id.as_str() && session.pin == shop.form.pin.tag();
        is_own.then_some(session)
    }

    /// Whether a form belongs to this session.
    pub fn sent(&self, token: &str) -> bool {
        is_token(&self.token, token)
    }

    /// The device after signing out.
    pub fn ended(self) -> Self {
        Self { until: 0, token: String::new(), ..self }
    }

    /// `Set-Cookie`.
    pub fn cookie(&self, gateway: &Gateway, shop: &Shop) -> Result<HeaderValue, Problem> {
        let payload = serde_json::to_vec(self).map_err(Problem::internal)?;
        let signed = gateway.keys.token.sign(TYPE, &payload, clock::now());
        let signed = signed.map_err(Problem::internal)?;
        let (path, secure) = (shop.path(""), gateway.issuer.starts_with("https://"));
        let seconds = DEVICE_LIFE.num_seconds();
        let cookie = Cookie {
            name: COOKIE,
            value: &signed,
            path: &path,
            seconds,
            secure,
            same_site: SameSite::Strict,
        };
        cookie.header().map_err(Problem::internal)
    }
}
