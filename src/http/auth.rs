//! Who calls. An endpoint says in its signature whom it serves: `Caller<EventsWrite>` is a partner
//! on the list with a good token of that scope; `Customer` is a person the bank vouches for.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};

use super::Gateway;
use super::problem::{PARTNER_NOT_LISTED, Problem};
use crate::clock;
use crate::partner::Partner;
use crate::partner::scope::Scope;

/// Ties a type to the scope that it stands for.
pub trait Needs: 'static {
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("Needs the scope `", stringify!($name), "`.")]
            pub struct $name;

            impl Needs for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*
    };
}

scopes!(EventsWrite, EventsRead, ReferralsRead);

/// A partner whose token is good, whose scope suffices, and that is on the list now.
pub struct Caller<S: Needs> {
    pub partner: Arc<Partner>,
    scope: PhantomData<S>,
}

/// A customer of the bank, by the subject that the bank's identity provider gives them.
pub struct Customer {
    pub subject: String,
}

impl<S: Needs> FromRequest for Caller<S> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(gateway(request).and_then(|gateway| Self::of(request, gateway)))
    }
}

impl<S: Needs> Caller<S> {
    fn of(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        let token = bearer(request)?;
        let now = clock::now();
        let grant = gateway.tokens.read(token, now).ok_or_else(bad_token)?;
        let partner = gateway.registry.get(&grant.partner).ok_or_else(bad_token)?;
        partner
            .listed_on(gateway.day(now))
            .map_err(|unlisted| Problem::new(&PARTNER_NOT_LISTED, unlisted.to_string()))?;
        // A scope taken out of the manifest is gone at once, whatever older tokens say.
        let granted = grant.scopes.contains(&S::SCOPE) && partner.access.scopes.contains(&S::SCOPE);
        if !granted {
            return Err(Problem::insufficient_scope(S::SCOPE.name()));
        }
        gateway
            .limits
            .take(&partner.id, partner.access.requests_per_second, now)
            .map_err(Problem::rate_limited)?;
        Ok(Self { partner: Arc::clone(partner), scope: PhantomData })
    }
}

impl FromRequest for Customer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(gateway(request).and_then(|gateway| {
            let issuer = gateway.customer_issuer.as_ref().ok_or_else(bad_token)?;
            let subject = issuer.subject(bearer(request)?, clock::now()).ok_or_else(bad_token)?;
            Ok(Self { subject })
        }))
    }
}

fn gateway(request: &HttpRequest) -> Result<&Gateway, Problem> {
    let data = request.app_data::<web::Data<Gateway>>();
    data.map(|data| data.get_ref()).ok_or_else(|| Problem::busy("The service is starting."))
}

fn bearer(request: &HttpRequest) -> Result<&str, Problem> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
    });
    token.ok_or_else(|| Problem::unauthorized("Send a token: Authorization: Bearer …", "Bearer"))
}

fn bad_token() -> Problem {
    Problem::unauthorized(
        "The token is not one of ours, or it has expired: get a new one.",
        "Bearer error=\"invalid_token\"",
    )
}
