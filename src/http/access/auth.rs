//! Who calls. An endpoint says in its signature whom it serves: `Caller<EventsWrite>` is a partner
//! on the list with a good token of that scope; `Customer` is a person the bank vouches for.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::{Either, LocalBoxFuture};

use crate::clock;
use crate::http::Gateway;
use crate::http::access::binding::{self, Credentials, Scheme};
use crate::http::access::dpop;
use crate::http::access::standing::{Standing, may, partner_of};
use crate::http::problem::Problem;
use crate::http::server::idempotency::{Identity, KeyedCaller};
use crate::http::server::noted::note_partner;
use crate::http::server::paths::RESOURCE_PATH;
use crate::http::trial;
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

scopes!(
    EventsWrite,
    EventsRead,
    ReferralsRead,
    ConsentsWrite,
    FilesWrite,
    WebhooksManage,
    SettlementsRead,
    SettlementsAnswer,
    StatementsWrite
);

/// A partner on the list now, with a good token of the scope `S`, within its rate.
pub struct Caller<S: Needs> {
    pub partner: Arc<Partner>,
    /// For what goes on for longer than a request does.
    pub standing: Standing,
    scope: PhantomData<S>,
}

/// A customer of the bank, by the subject that the bank's identity provider gives them.
pub struct Customer {
    pub subject: String,
    /// The month of their birthday (1 to 12), where the identity provider states it.
    pub birth_month: Option<u32>,
    /// Their own phone number (E.164), where the identity provider vouches for it.
    pub phone: Option<String>,
}

/// What is known of a caller before its proof is used up.
enum Checked<S: Needs> {
    /// No proof is needed.
    Caller(Caller<S>),
    /// The token is bound to a key: its proof must be new.
    Proved(Caller<S>, Proof),
}

impl<S: Needs> FromRequest for Caller<S> {
    type Error = Problem;
    /// Only a proof needs a look into the database before its caller is known.
    type Future =
        Either<Ready<Result<Self, Problem>>, LocalBoxFuture<'static, Result<Self, Problem>>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        if let Some(known) = request.extensions_mut().remove::<Self>() {
            return Either::Left(ready(Ok(known)));
        }
        let gateway = match gateway(request) {
            Ok(gateway) => gateway,
            Err(problem) => return Either::Left(ready(Err(problem))),
        };
        match Self::check(request, gateway) {
            Ok(Checked::Caller(caller)) => Either::Left(ready(Ok(caller))),
            Ok(Checked::Proved(caller, proof)) => {
                let gateway = web::Data::clone(gateway);
                Either::Right(Box::pin(async move {
                    let used = dpop::use_up(&gateway, proof).await;
                    used.map_err(|problem| problem.to_partner(metadata_url(&gateway)))?;
                    Ok(caller)
                }))
            }
            Err(problem) => Either::Left(ready(Err(problem.to_partner(metadata_url(gateway))))),
        }
    }
}

impl<S: Needs> Caller<S> {
    fn check(request: &HttpRequest, gateway: &Gateway) -> Result<Checked<S>, Problem> {
        let credentials = Credentials::of(request)?;
        let now = clock::now();
        let by_scheme = |problem: Problem| match credentials.scheme {
            Scheme::Bearer => problem,
            Scheme::Dpop => problem.by_proof(),
        };
        let grant = gateway.tokens.read(credentials.token, now);
        let grant = grant.map_err(|error| by_scheme(error.into()))?;
        // The manifests are asked each time. A partner that was taken off the list, or a scope
        // that was taken from it, is gone at once, whatever older tokens say.
        let partner = partner_of(&grant, gateway, now).map_err(by_scheme)?;
        let bound = binding::Bound { partner: &partner, binding: &grant.binding };
        let proof = bound.check(request, gateway, &credentials, now)?;
        note_partner(request, &partner);
        may(&partner, &grant, S::SCOPE, gateway, now).map_err(by_scheme)?;
        gateway.limit(request, &partner, now)?;
        trial::problems::by_header(request, &partner)?;
        let standing = Standing::new(grant, S::SCOPE, &partner);
        let caller = Self { partner, standing, scope: PhantomData };
        Ok(match proof {
            Some(proof) => Checked::Proved(caller, proof),
            None => Checked::Caller(caller),
        })
    }
}

impl<S: Needs> KeyedCaller for Caller<S> {
    fn identity<'g>(&self, gateway: &'g Gateway) -> Identity<'g> {
        let name = format!("partner {}", self.partner.id);
        Identity { name, books: gateway.books(&self.partner) }
    }
}

impl FromRequest for Customer {
    type Error = Problem;
    /// The identity provider may have to be asked for its keys.
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        if let Some(known) = request.extensions_mut().remove::<Self>() {
            return Box::pin(ready(Ok(known)));
        }
        let request = request.clone();
        Box::pin(async move { Self::check(&request, gateway(&request)?).await })
    }
}

impl Customer {
    async fn check(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        let token = bearer(request)?;
        let Some(issuer) = &gateway.customer_issuer else {
            let detail = "This service is not set up for tokens of customers.";
            return Err(Problem::bad_token(&detail));
        };
        let now = clock::now();
        let vouched = issuer.read(token, now).await?;
        let customer = Self {
            subject: vouched.subject,
            birth_month: vouched.birth_month,
            phone: vouched.phone,
        };
        gateway.limit_person(request, &customer.name(), gateway.customer_rate, now)?;
        Ok(customer)
    }

    /// Unlike the name of any other caller.
    fn name(&self) -> String {
        format!("customer {}", self.subject)
    }
}

impl KeyedCaller for Customer {
    fn identity<'g>(&self, gateway: &'g Gateway) -> Identity<'g> {
        Identity { name: self.name(), books: &gateway.main }
    }
}

/// Where a partner learns how to get a token (RFC 9728).
fn metadata_url(gateway: &Gateway) -> String {
    format!("{}{RESOURCE_PATH}", gateway.issuer)
}

pub(in crate::http) fn gateway(request: &HttpRequest) -> Result<&web::Data<Gateway>, Problem> {
    request.app_data().ok_or_else(|| Problem::busy("The service is starting."))
}

/// The token of a request that may only be a bearer token.
pub(in crate::http) fn bearer(request: &HttpRequest) -> Result<&str, Problem> {
    let credentials = Credentials::of(request)?;
    match credentials.scheme {
        Scheme::Bearer => Ok(credentials.token),
        Scheme::Dpop => Err(Problem::no_token()),
    }
}
