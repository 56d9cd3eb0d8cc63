//! Every page and form but those of the sign-in passes here: who is it, and does the door open?

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse};

use super::cookies;
use super::doors::door;
use super::sign_in;
use super::visit::{Visit, flow, gateway, token_of};
use crate::clock;
use crate::http::pages::forms::check_origin;
use crate::http::problem::{Problem, ROLE_MISSING};
use crate::sessions;

/// Somebody at a door.
enum Caller {
    SignedIn(Visit),
    /// Nobody who is signed in: this page leads to the sign-in.
    Stranger(HttpResponse),
}

/// Lets those in whom the request's door admits; strangers sign in first.
pub async fn admit(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match caller(&request).await {
        Ok(Caller::SignedIn(visit)) => {
            request.extensions_mut().insert(visit);
            next.call(request).await
        }
        Ok(Caller::Stranger(page)) => Ok(request.into_response(page)),
        Err(problem) => Ok(request.error_response(problem)),
    }
}

async fn caller(request: &ServiceRequest) -> Result<Caller, Problem> {
    let gateway = gateway(request.request())?;
    let flow = flow(&gateway)?;
    // Whoever signed in without a password is out as soon as a partner is beyond the sandbox.
    if !gateway.trusts_sign_ins() {
        return Err(Problem::not_found());
    }
    let is_form = request.method() == Method::POST;
    if is_form {
        check_origin(request.request(), &gateway.issuer)?;
    }
    let (now, times) = (clock::now(), flow.times);
    let secret = cookies::session(request.request(), &gateway).map(str::to_owned);
    let found = match secret.clone() {
        Some(secret) => gateway.main.ask(move |db| sessions::find(&secret, db, times, now)).await?,
        None => None,
    };
    let (Some(session), Some(secret)) = (found, secret) else {
        let status = if is_form { StatusCode::FORBIDDEN } else { StatusCode::OK };
        return sign_in::stranger(request.request(), &gateway, status).map(Caller::Stranger);
    };
    let name = format!("console {}", session.who.staff.as_str());
    gateway.limit_person(request.request(), &name, gateway.staff_rate, now)?;
    let pattern = request.match_pattern().unwrap_or_default();
    let door = door(request.method(), &pattern).ok_or_else(Problem::not_found)?;
    if !door.roles.admit(&session.who.roles) {
        return Err(Problem::new(&ROLE_MISSING, "This page is for other roles than yours."));
    }
    Ok(Caller::SignedIn(Visit { session, token: token_of(&secret) }))
}
