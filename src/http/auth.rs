//! Who calls. An endpoint says in its signature whom it serves: `Caller<EventsWrite>` is a partner
//! on the list with a good token of that scope; `Customer` is a person the bank vouches for.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};

use super::Gateway;
use super::problem::Problem;
use super::request_id::note_partner;
use super::sandbox;
use super::token::TokenError;
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

/// A partner whose token is good, whose scope suffices, that is on the list now, and that keeps to
/// its rate.
pub struct Caller<S: Needs> {
    pub partner: Arc<Partner>,
    scope: PhantomData<S>,
}

/// A customer of the bank, by the subject that the bank's identity provider gives them.
pub struct Customer {
    pub subject: String,
    /// The month of their birthday, where the identity provider tells it.
    pub birth_month: Option<u32>,
}

impl<S: Needs> FromRequest for Caller<S> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(gateway(request).and_then(|gateway| Self::of(request, gateway)))
    }
}

impl<S: Needs> Caller<S> {
    fn of(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        let token = bearer(request)?;
        let now = clock::now();
        let grant = gateway.tokens.read(token, now).map_err(|error| Problem::bad_token(&error))?;
        // The manifests are asked each time: a partner that was taken off the list, or a scope
        // that was taken from it, is gone at once, whatever older tokens say.
        let partner = gateway.registry.get(&grant.partner);
        let partner = partner.ok_or_else(|| Problem::bad_token(&TokenError::Foreign))?;
        note_partner(request, &partner);
        partner
            .listed_on(gateway.day(now))
            .map_err(|unlisted| Problem::partner_not_listed(&unlisted))?;
        let granted = grant.scopes.contains(&S::SCOPE) && partner.access.scopes.contains(&S::SCOPE);
        if !granted {
            return Err(Problem::insufficient_scope(S::SCOPE.name()));
        }
        gateway.limit(request, &partner, now)?;
        sandbox::problems::by_header(request, &partner)?;
        Ok(Self { partner, scope: PhantomData })
    }
}

impl FromRequest for Customer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(gateway(request).and_then(|gateway| Self::of(request, gateway)))
    }
}

impl Customer {
    fn of(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        let token = bearer(request)?;
        let Some(issuer) = &gateway.customer_issuer else {
            let detail = "This service is not set up for tokens of customers.";
            return Err(Problem::bad_token(&detail));
        };
        let vouched = issuer.read(token, clock::now());
        vouched
            .map(|vouched| Self { subject: vouched.subject, birth_month: vouched.birth_month })
            .map_err(|error| Problem::bad_token(&error))
    }
}

pub(super) fn gateway(request: &HttpRequest) -> Result<&Gateway, Problem> {
    let data = request.app_data::<web::Data<Gateway>>();
    data.map(|data| data.get_ref()).ok_or_else(|| Problem::busy("The service is starting."))
}

pub(super) fn bearer(request: &HttpRequest) -> Result<&str, Problem> {
    let value = request.headers().get(header::AUTHORIZATION);
    let (scheme, token) = value
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once(' '))
        .ok_or_else(Problem::no_token)?;
    if scheme.eq_ignore_ascii_case("Bearer") { Ok(token.trim()) } else { Err(Problem::no_token()) }
}
