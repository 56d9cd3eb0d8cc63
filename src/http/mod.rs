//! The gateway's HTTP face: every route, with its scope, on this screen. What a handler needs of
//! its caller is in its signature; every error is a problem document.

pub mod auth;
mod codes;
mod conditional;
mod corrections;
mod dead_letters;
mod events;
mod flagged_payments;
mod health;
mod idempotency;
mod limit;
mod oauth;
mod openapi;
mod page;
mod points;
pub mod problem;
mod proofs;
mod quotes;
mod referrals;
mod request_id;
mod sandbox;
mod signature;
mod staff;
mod token;
pub mod token_issuer;
mod version;

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, Resource, Route, web};
use chrono::NaiveDate;

use crate::books::Books;
use crate::clock::Moment;
use crate::customer::keys::Keys;
use crate::observations::Observations;
use crate::partner::{Partner, Registry};
use crate::store::{Db, StoreError};
use crate::writer::WriteError;
use auth::{Caller, Customer, EventsWrite};
pub use conditional::tag_resources;
use idempotency::{Speaker, answer_once};
use limit::Limits;
use problem::Problem;
pub use request_id::log_requests;
pub use sandbox::watch::watch_trials;
use staff::{Adjust, Approve, Operate, Staff};
use token::Tokens;
use token_issuer::TokenIssuer;
pub use version::speak_version;

/// What handlers share.
pub struct Gateway {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    /// The books of real partners, of customers and of staff. What concerns a partner goes to
    /// [`Gateway::books`].
    pub main: Books,
    sandbox: Option<Books>,
    /// Our own URL, without a slash at the end.
    pub issuer: String,
    pub time_zone: chrono_tz::Tz,
    /// The API's description, as JSON.
    openapi: web::Bytes,
    customer_issuer: Option<TokenIssuer>,
    staff_issuer: Option<TokenIssuer>,
    tokens: Tokens,
    limits: Limits,
    /// What partners on trial do.
    observations: Arc<Observations>,
}

/// A single event's body.
const EVENT_BYTES_MAX: usize = 64 * 1024;
/// A batch's body.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A form's body.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// Every route.
pub fn routes(config: &mut web::ServiceConfig) {
    let bytes_max = |max: usize| web::PayloadConfig::new(max);
    config
        .app_data(bytes_max(EVENT_BYTES_MAX))
        .app_data(web::FormConfig::default().limit(FORM_BYTES_MAX))
        .app_data(web::QueryConfig::default().error_handler(problem::query))
        // Partners: authentication
        .service(at(oauth::TOKEN_PATH, web::post().to(oauth::issue_token)))
        .service(at(oauth::JWKS_PATH, web::get().to(oauth::get_jwks)))
        .service(at("/.well-known/jwks.json", web::get().to(oauth::get_jwks)))
        .service(at(oauth::METADATA_PATH, web::get().to(oauth::get_metadata)))
        // Partners: events:write
        .service(once::<Caller<EventsWrite>>("/v1/events", web::post().to(events::post_event)))
        .service(
            once::<Caller<EventsWrite>>(
                "/v1/events:batch",
                web::post().to(events::post_event_batch),
            )
            .app_data(bytes_max(BATCH_BYTES_MAX)),
        )
        .service(once::<Caller<EventsWrite>>("/v1/quotes", web::post().to(quotes::post_quote)))
        .configure(sandbox_routes)
        // Partners: events:read
        .service(at("/v1/events/{event}", web::get().to(events::get_event)))
        .service(at("/v1/events/{event}/receipt", web::get().to(events::get_receipt)))
        .service(at("/v1/events/{event}/proof", web::get().to(proofs::get_proof)))
        // Partners: referrals:read
        .service(at("/v1/referrals/{referral}", web::get().to(referrals::get_referral)))
        // Customers
        .service(at("/v1/customers/me/points", web::get().to(points::get_points)))
        .service(once::<Customer>(
            "/v1/customers/me/members/{partner}",
            web::post().to(points::link_member),
        ))
        .service(once::<Customer>("/v1/customers/me/codes", web::post().to(codes::make_code)))
        // Staff: adjust
        .service(once::<Staff<Adjust>>(
            "/v1/adjustments",
            web::post().to(corrections::propose_adjustment),
        ))
        .service(once::<Staff<Adjust>>(
            "/v1/transactions/{transaction}/reversal",
            web::post().to(corrections::propose_reversal),
        ))
        // Staff: approve
        .service(once::<Staff<Approve>>(
            "/v1/corrections/{correction}/approval",
            web::post().to(corrections::approve),
        ))
        .service(once::<Staff<Approve>>(
            "/v1/corrections/{correction}/rejection",
            web::post().to(corrections::reject),
        ))
        // Staff: read
        .service(at("/v1/corrections", web::get().to(corrections::get_corrections)))
        .service(at("/v1/corrections/{correction}", web::get().to(corrections::get_correction)))
        .service(at("/v1/flagged-payments", web::get().to(flagged_payments::get_flagged_payments)))
        // Staff: operate
        .service(at("/v1/dead-letters", web::get().to(dead_letters::get_dead_letters)))
        .service(once::<Staff<Operate>>(
            "/v1/dead-letters/{message}/replay",
            web::post().to(dead_letters::replay_dead_letter),
        ))
        // Everybody: the reference
        .service(at(openapi::PATH, web::get().to(openapi::get_document)))
        .service(at("/problems/{slug}", web::get().to(problem::get_kind)))
        .service(web::redirect("/docs", "/docs/"))
        .service(openapi::page())
        // Operators; some load balancers ask by HEAD
        .service(
            at("/healthz", web::get().to(health::get_health))
                .route(web::head().to(health::get_health)),
        )
        .service(
            at("/readyz", web::get().to(health::get_readiness))
                .route(web::head().to(health::get_readiness)),
        )
        .default_service(web::to(unknown));
}

/// Those of partners on trial: events:write.
fn sandbox_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            at("/v1/sandbox/clock", web::get().to(sandbox::clock::get_clock))
                .route(web::put().to(sandbox::clock::put_clock)),
        )
        .service(once::<Caller<EventsWrite>>(
            "/v1/sandbox/members",
            web::post().to(sandbox::members::make_member),
        ))
        .service(once::<Caller<EventsWrite>>(
            "/v1/sandbox/codes",
            web::post().to(sandbox::members::make_sandbox_code),
        ));
}

/// A resource with a method; any other is answered with 405 and those that it knows.
fn at(path: &str, route: Route) -> Resource {
    web::resource(path).route(route)
}

/// The same for what changes something: with an `Idempotency-Key` it is done once for each caller.
fn once<S: Speaker>(
    path: &str,
    route: Route,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    at(path, route).wrap(from_fn(answer_once::<S>))
}

async fn unknown() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}

/// What a gateway is made of.
pub struct Parts {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    pub main: Books,
    pub sandbox: Option<Books>,
    pub issuer: String,
    pub time_zone: chrono_tz::Tz,
    pub customer_issuer: Option<TokenIssuer>,
    pub staff_issuer: Option<TokenIssuer>,
    pub observations: Arc<Observations>,
}

impl Gateway {
    /// # Errors
    /// jsonwebtoken's, when the key that signs tokens cannot.
    pub fn new(parts: Parts) -> Result<Self, jsonwebtoken::errors::Error> {
        let tokens = Tokens::new(&parts.issuer, &parts.keys.token)?;
        let openapi = openapi::document(&parts.issuer).to_json().unwrap_or_default();
        Ok(Self {
            registry: parts.registry,
            keys: parts.keys,
            main: parts.main,
            sandbox: parts.sandbox,
            issuer: parts.issuer,
            time_zone: parts.time_zone,
            openapi: openapi.into(),
            customer_issuer: parts.customer_issuer,
            staff_issuer: parts.staff_issuer,
            tokens,
            limits: Limits::default(),
            observations: parts.observations,
        })
    }

    /// The books of a partner, by its status now: the one place where it is asked.
    fn books(&self, partner: &Partner) -> &Books {
        let own = self.sandbox.as_ref().filter(|_it| partner.status.is_trial());
        own.unwrap_or(&self.main)
    }

    /// Whether a partner's books are apart from those of real partners and of customers.
    fn is_apart(&self, partner: &Partner) -> bool {
        self.sandbox.is_some() && partner.status.is_trial()
    }

    /// Takes a request out of the partner's rate.
    fn limit(&self, request: &HttpRequest, partner: &Partner, now: Moment) -> Result<(), Problem> {
        let taken = self.limits.take(&partner.id, partner.access.requests_per_second, now);
        let (Ok(allowance) | Err(allowance)) = taken;
        request_id::note_allowance(request, allowance);
        taken.map(|_allowance| ()).map_err(|_allowance| Problem::rate_limited())
    }

    /// The business day of a moment, in the programme's time zone.
    fn day(&self, moment: Moment) -> NaiveDate {
        moment.utc().with_timezone(&self.time_zone).date_naive()
    }
}

impl Books {
    /// Runs blocking database work off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let pool = self.pool.clone();
        let done = web::block(move || pool.with(work)).await;
        Ok(done.map_err(|_cancelled| Problem::busy("The service is stopping."))??)
    }

    /// The same, for work that may refuse.
    async fn read_or<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, Problem> {
        let pool = self.pool.clone();
        let done = web::block(move || pool.with(work)).await;
        Ok(done.map_err(|_cancelled| Problem::busy("The service is stopping."))??)
    }
}
