//! Every page and form but those of entering passes here: is a customer signed in?

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;

use super::enter;
use super::visit::{Visit, gateway, secret, times, token_of};
use crate::clock;
use crate::customer::wallet_sessions::{self, SessionUse};
use crate::http::pages::forms::check_origin;
use crate::http::pages::visitor::network;
use crate::http::problem::Problem;

/// Pages that one network opens in a second without a session. Whoever is signed in is not among them.
const STRANGERS_PER_SECOND: u32 = 20;
/// The frame under a code asks by itself, and is no use of the session.
const BY_ITSELF: &str = "/wallet/codes/{code}";

/// Somebody who asks for a page.
enum Caller {
    SignedIn(Visit),
    /// Nobody who is signed in: this page says how to come in.
    Stranger(HttpResponse),
}

/// Lets customers in who are signed in; all others read how to come in.
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
    let (now, times) = (clock::now(), times(&gateway)?);
    if request.method() == Method::POST {
        check_origin(request.request(), &gateway.issuer)?;
    }
    let secret = secret(request.request(), &gateway).map(str::to_owned);
    let found = match secret.clone() {
        Some(secret) => {
            let is_use = request.match_pattern().is_none_or(|pattern| pattern != BY_ITSELF);
            let noted = if is_use { SessionUse::Noted } else { SessionUse::Unnoted };
            let find = move |db: &mut _| wallet_sessions::find(&secret, db, times, noted, now);
            gateway.main.ask(find).await?
        }
        None => None,
    };
    let (Some(session), Some(secret)) = (found, secret) else {
        let of_network = format!("wallet network {}", network(request.request()));
        gateway.limit_person(request.request(), &of_network, STRANGERS_PER_SECOND, now)?;
        return enter::stranger(request.request()).map(Caller::Stranger);
    };
    let of_customer = format!("wallet {}", session.subject);
    gateway.limit_person(request.request(), &of_customer, gateway.customer_rate, now)?;
    Ok(Caller::SignedIn(Visit { session, token: token_of(&secret) }))
}
