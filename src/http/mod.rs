//! The gateway's HTTP face: `routes` says who may call what. What a handler needs of
//! its caller is in its signature; every error is a problem document.

pub mod auth;
mod bound;
mod client;
mod codes;
mod conditional;
mod consents;
mod contact;
mod corrections;
mod crm_feedback;
mod dead_letters;
mod dpop;
mod either;
mod erasures;
mod events;
mod flagged_payments;
mod hardening;
mod health;
mod held;
mod idempotency;
mod imports;
mod limit;
pub mod merchant;
mod metadata;
mod metrics;
mod notices;
mod oauth;
mod openapi;
mod page;
mod person_data;
mod person_page;
mod points;
pub mod problem;
mod proofs;
mod quotes;
mod readings;
mod referrals;
mod request_id;
mod revocation;
mod revoked;
mod routes;
mod signature;
mod slow_body;
mod staff;
mod stream;
pub mod tls;
mod token;
pub mod token_issuer;
mod tus;
mod uploads;
mod version;
pub mod watch;
mod webhook_deliveries;
mod webhook_endpoints;

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, web};
use chrono::NaiveDate;
use tokio::sync::Notify;

use crate::clock::Moment;
use crate::crm::standard_webhook::SharedSecret;
use crate::customer::keys::Keys;
use crate::partner::{Partner, Registry};
use crate::settings::WebhookSettings;
use crate::store::{Db, Pool, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::webhook::WebhookSender;
use crate::writer::{WriteError, Writer};
pub use conditional::tag_resources;
pub use crm_feedback::feedback_secret;
pub use hardening::harden;
use limit::Limits;
pub use metrics::scraped_routes;
use problem::Problem;
pub use request_id::log_requests;
pub use routes::routes;
pub use slow_body::await_bodies;
use stream::Streams;
use token::Tokens;
use token_issuer::TokenIssuer;
pub use tus::speak_tus;
pub use version::speak_version;

/// What handlers share.
pub struct Gateway {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    pub pool: Pool,
    pub writer: Writer,
    /// Our own URL, without a slash at the end.
    pub issuer: String,
    pub time_zone: chrono_tz::Tz,
    /// Bytes of an uploaded file.
    upload_bytes_max: i64,
    /// Told when a file has become whole.
    files_waiting: Arc<Notify>,
    streams: Streams,
    pub metrics: Arc<Metrics>,
    /// Whether the public address gives the metrics to staff.
    metrics_public: bool,
    /// The API's description, as JSON.
    openapi: web::Bytes,
    webhooks: WebhookSettings,
    webhook: WebhookSender,
    /// Told when something was put in line to go out.
    messages_waiting: Arc<Notify>,
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
}

/// What a gateway is made of.
pub struct Parts {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    pub pool: Pool,
    pub writer: Writer,
    pub issuer: String,
    pub time_zone: chrono_tz::Tz,
    pub upload_bytes_max: i64,
    pub files_waiting: Arc<Notify>,
    pub metrics: Arc<Metrics>,
    pub metrics_public: bool,
    pub customer_issuer: Option<TokenIssuer>,
    pub staff_issuer: Option<TokenIssuer>,
    pub feedback_secret: Option<SharedSecret>,
    pub client_certificates: bool,
    pub body_patience: Duration,
    pub webhooks: WebhookSettings,
    pub webhook: WebhookSender,
    pub messages_waiting: Arc<Notify>,
}

impl Gateway {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let tokens = Tokens::new(&parts.issuer, parts.keys.token.clone());
        let openapi = openapi::document(&parts.issuer).to_json().unwrap_or_default();
        Self {
            registry: parts.registry,
            keys: parts.keys,
            pool: parts.pool,
            writer: parts.writer,
            issuer: parts.issuer,
            time_zone: parts.time_zone,
            upload_bytes_max: parts.upload_bytes_max,
            files_waiting: parts.files_waiting,
            streams: Streams::default(),
            metrics: parts.metrics,
            metrics_public: parts.metrics_public,
            openapi: openapi.into(),
            customer_issuer: parts.customer_issuer,
            staff_issuer: parts.staff_issuer,
            feedback_secret: parts.feedback_secret,
            webhooks: parts.webhooks,
            webhook: parts.webhook,
            messages_waiting: parts.messages_waiting,
            tokens,
            limits: Limits::default(),
            client_certificates: parts.client_certificates,
            body_patience: parts.body_patience,
            strangers: Limits::default(),
        }
    }

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
