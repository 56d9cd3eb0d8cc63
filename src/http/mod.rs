//! The gateway's HTTP face: `routes` says who may call what. What a handler needs of
//! its caller is in its signature; every error is a problem document.

pub mod access;
mod customer;
pub mod merchant;
mod openapi;
mod pages;
mod partner;
pub mod problem;
mod routes;
mod sandbox;
pub mod server;
mod staff;

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, web};
use chrono::NaiveDate;

use crate::books::Books;
use crate::clock::Moment;
use crate::crm::standard_webhook::SharedSecret;
use crate::observations::Observations;
use crate::partner::{Partner, Registry};
use crate::secrets::keys::Keys;
use crate::settings::WebhookSettings;
use crate::store::{Db, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::writer::WriteError;
use access::token::Tokens;
use access::token_issuer::TokenIssuer;
pub use partner::crm_feedback::feedback_secret;
use partner::stream::Streams;
pub use partner::tus::speak_tus;
use problem::Problem;
pub use routes::routes;
pub use sandbox::watch::watch_trials;
pub use server::conditional::tag_resources;
pub use server::hardening::harden;
use server::limit::Limits;
pub use server::metrics::scraped_routes;
pub use server::request_id::log_requests;
pub use server::slow_body::await_bodies;
pub use server::version::speak_version;

/// What handlers share.
pub struct Gateway {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    /// The books of real partners, of customers and of staff. What concerns a partner goes to
    /// `books`.
    pub main: Books,
    sandbox: Option<Books>,
    /// Our own URL, without a slash at the end.
    pub issuer: String,
    pub time_zone: chrono_tz::Tz,
    /// Bytes of an uploaded file.
    upload_bytes_max: i64,
    streams: Streams,
    pub metrics: Arc<Metrics>,
    /// Whether the public address gives the metrics to staff.
    metrics_public: bool,
    /// The API's description, as JSON.
    openapi: web::Bytes,
    webhooks: WebhookSettings,
    customer_issuer: Option<TokenIssuer>,
    staff_issuer: Option<TokenIssuer>,
    feedback_secret: Option<SharedSecret>,
    tokens: Tokens,
    limits: Limits,
    /// Whether TLS asks clients for certificates.
    client_certificates: bool,
    /// How long a request's body may keep us waiting.
    body_patience: Duration,
    /// Of the shops' pages, as long as nobody is signed in.
    strangers: Limits,
    /// What partners on trial do.
    observations: Arc<Observations>,
}

/// What a gateway is made of.
pub struct Parts {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    pub main: Books,
    pub sandbox: Option<Books>,
    pub issuer: String,
    pub time_zone: chrono_tz::Tz,
    pub upload_bytes_max: i64,
    pub metrics: Arc<Metrics>,
    pub metrics_public: bool,
    pub customer_issuer: Option<TokenIssuer>,
    pub staff_issuer: Option<TokenIssuer>,
    pub feedback_secret: Option<SharedSecret>,
    pub client_certificates: bool,
    pub body_patience: Duration,
    pub webhooks: WebhookSettings,
    pub observations: Arc<Observations>,
}

impl Gateway {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let tokens = Tokens::new(&parts.issuer, parts.keys.token.clone());
        let openapi = openapi::document(&parts.issuer).to_json().unwrap_or_default();
        Self {
            registry: parts.registry,
            keys: parts.keys,
            main: parts.main,
            sandbox: parts.sandbox,
            issuer: parts.issuer,
            time_zone: parts.time_zone,
            upload_bytes_max: parts.upload_bytes_max,
            streams: Streams::default(),
            metrics: parts.metrics,
            metrics_public: parts.metrics_public,
            openapi: openapi.into(),
            customer_issuer: parts.customer_issuer,
            staff_issuer: parts.staff_issuer,
            feedback_secret: parts.feedback_secret,
            webhooks: parts.webhooks,
            tokens,
            limits: Limits::default(),
            client_certificates: parts.client_certificates,
            body_patience: parts.body_patience,
            strangers: Limits::default(),
            observations: parts.observations,
        }
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
        server::request_id::note_allowance(request, allowance);
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

    /// The same, for work with errors of its own.
    async fn run<T: Send + 'static, E>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        E: From<StoreError> + Into<Problem> + Send + 'static,
    {
        let pool = self.pool.clone();
        let done = web::block(move || pool.with(work)).await;
        done.map_err(|_cancelled| Problem::busy("The service is stopping."))?.map_err(E::into)
    }
}
