//! Signing in with the shop's PIN. Each try is counted in the database before the PIN is checked, so
//! that several gateways, or requests at once, give no additional tries.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::TimeDelta;
use serde::Deserialize;

use super::Shop;
use super::page::{Frame, show, words};
use super::session::{Session, no_cookie};
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::pages::forms::{check_origin, plain, see_other};
use crate::http::problem::Problem;
use crate::store::form_attempts::{self, Attempts};

/// Tries before the form is locked.
const FREE: i64 = 5;
/// How long the first lock lasts; each further try doubles it.
const LOCKED_FOR: TimeDelta = TimeDelta::minutes(1);
const LOCKED_FOR_MAX: TimeDelta = TimeDelta::hours(1);
/// Tries are forgotten after this time without another one.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(24);

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
    let shop = Shop::of(&request, &gateway)?;
    check_origin(&request, &gateway.issuer)?;
    let words = words(&request);
    let partner = shop.partner.id.clone();
    let tried = gateway
        .books(&shop.partner)
        .write(move |tx| {
            let now = clock::now();
            let before = form_attempts::lock(tx, &partner, now)?;
            let tried = another_try(before, now);
            if let Ok(attempts) = &tried {
                form_attempts::put(tx, &partner, attempts)?;
            }
            Ok(tried)
        })
        .await?;
    if let Err(seconds) = tried {
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
    let partner = shop.partner.id.clone();
    gateway.books(&shop.partner).write(move |tx| form_attempts::forget(tx, &partner)).await?;
    let mut response = see_other(&shop.path(""));
    let cookie = Session::begin(&shop)?.cookie(&gateway, &shop)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// `POST /m/{partner}/session/end`.
pub async fn end_session(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<TokenForm>,
) -> Result<HttpResponse, Problem> {
    let shop = Shop::of(&request, &gateway)?;
    check_origin(&request, &gateway.issuer)?;
    let mut response = see_other(&shop.path(""));
    if Session::of(&request, &gateway, &shop).is_some_and(|session| session.sent(&form.token)) {
        let cookie = no_cookie(&gateway, &shop)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Counts another try; `Err` with the seconds to wait while the form is locked.
fn another_try(before: Attempts, now: Moment) -> Result<Attempts, i64> {
    let left = before.locked_until.utc().signed_duration_since(now.utc());
    if left > TimeDelta::zero() {
        return Err(left.num_seconds().saturating_add(1));
    }
    let is_old = before.tried_at.plus(FORGOTTEN_AFTER) <= now;
    let failures = if is_old { 1 } else { before.failures.saturating_add(1) };
    let locked_for = match u32::try_from(failures.saturating_sub(FREE)) {
        Ok(beyond) => {
            let factor = 2_i32.checked_pow(beyond).unwrap_or(i32::MAX);
            LOCKED_FOR.checked_mul(factor).unwrap_or(LOCKED_FOR_MAX).min(LOCKED_FOR_MAX)
        }
        Err(_free) => TimeDelta::zero(),
    };
    Ok(Attempts { failures, tried_at: now, locked_until: now.plus(locked_for) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_tries_each_costs_twice_as_long_up_to_an_hour() {
        let mut now = Moment::parse("2026-11-24T10:00:00Z").unwrap();
        let mut attempts = Attempts { failures: 0, tried_at: now, locked_until: now };
        let mut waits = Vec::new();
        for _ in 0..12 {
            attempts = another_try(attempts, now).unwrap();
            match another_try(attempts, now) {
                Ok(_free) => waits.push(0),
                Err(seconds) => waits.push(seconds - 1),
            }
            now = attempts.locked_until;
        }
        assert_eq!(waits, [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        let next_day = another_try(attempts, now.plus(TimeDelta::hours(24))).unwrap();
        assert_eq!((next_day.failures, next_day.locked_until), (1, next_day.tried_at));
    }
}
