//! Who calls. An endpoint says in its signature whom it serves: `Caller<EventsWrite>` is a partner
//! on the list with a good token of that scope; `Customer` is a person the bank vouches for.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::{Either, LocalBoxFuture};

use crate::clock;
use crate::http::Gateway;
use crate::http::access::bound::{self, Scheme, credentials};
use crate::http::access::dpop;
use crate::http::access::token::TokenError;
use crate::http::problem::Problem;
use crate::http::sandbox;
use crate::http::server::request_id::note_partner;
use crate::partner::Partner;
use crate::partner::dpop::Proof;
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

scopes!(EventsWrite, EventsRead, ReferralsRead, ConsentsWrite, FilesWrite, WebhooksManage);

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
    /// Only a proof must be looked up before its caller is known.
    type Future =
        Either<Ready<Result<Self, Problem>>, LocalBoxFuture<'static, Result<Self, Problem>>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let gateway = match gateway(request) {
            Ok(gateway) => gateway,
            Err(problem) => return Either::Left(ready(Err(problem))),
        };
        match Self::of(request, gateway) {
            Ok((caller, None)) => Either::Left(ready(Ok(caller))),
            Ok((caller, Some(proof))) => {
                let gateway = web::Data::clone(gateway);
                Either::Right(Box::pin(async move {
                    match dpop::claim(&gateway, proof).await? {
                        Ok(()) => Ok(caller),
                        Err(shown) => Err(Problem::bad_proof(&shown).to_partner(&gateway.issuer)),
                    }
                }))
            }
            Err(problem) => Either::Left(ready(Err(problem.to_partner(&gateway.issuer)))),
        }
    }
}

impl<S: Needs> Caller<S> {
    /// The caller, and the proof that is still to be used up.
    fn of(request: &HttpRequest, gateway: &Gateway) -> Result<(Self, Option<Proof>), Problem> {
        let (scheme, token) = credentials(request)?;
        let now = clock::now();
        let by_scheme = |problem: Problem| match scheme {
            Scheme::Bearer => problem,
            Scheme::Dpop => problem.by_proof(),
        };
        let grant = gateway.tokens.read(token, now).map_err(|error| by_scheme(error.into()))?;
        // The manifests are asked each time: a partner that was taken off the list, or a scope
        // that was taken from it, is gone at once, whatever older tokens say.
        let partner = gateway.registry.get(&grant.partner);
        let partner = partner.ok_or_else(|| by_scheme(TokenError::Foreign.into()))?;
        let proof = bound::check(request, gateway, (&partner, &grant), (scheme, token), now)?;
        note_partner(request, &partner);
        partner
            .listed_on(gateway.day(now))
            .map_err(|unlisted| Problem::partner_not_listed(&unlisted))?;
        let granted = grant.scopes.contains(&S::SCOPE) && partner.access.scopes.contains(&S::SCOPE);
        if !granted {
            return Err(by_scheme(Problem::insufficient_scope(S::SCOPE.name())));
        }
        gateway.limit(request, &partner, now)?;
        sandbox::problems::by_header(request, &partner)?;
        Ok((Self { partner, scope: PhantomData }, proof))
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

pub(in crate::http) fn gateway(request: &HttpRequest) -> Result<&web::Data<Gateway>, Problem> {
    request.app_data().ok_or_else(|| Problem::busy("The service is starting."))
}

pub(in crate::http) fn bearer(request: &HttpRequest) -> Result<&str, Problem> {
    match credentials(request)? {
        (Scheme::Bearer, token) => Ok(token),
        (Scheme::Dpop, _token) => Err(Problem::no_token()),
    }
}
