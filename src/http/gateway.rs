//! What all handlers share: the books, the partners, the keys, and the counts of requests.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::HttpRequest;
use chrono::NaiveDate;

use crate::books::{Books, Shared};
use crate::clock::Moment;
use crate::crm::standard_webhook::SharedSecret;
use crate::customer::wallet_sessions::WalletTimes;
use crate::event::Event;
use crate::http::access::access_token::Tokens;
use crate::http::access::code_flow::CodeFlow;
use crate::http::access::identity_provider::IdentityProvider;
use crate::http::access::issuer_keys::IssuerKeysError;
use crate::http::access::local_provider::LocalProvider;
use crate::http::pages::visitor::Visitor;
use crate::http::problem::Problem;
use crate::http::server::limit::Limits;
use crate::http::server::long_work::LongWork;
use crate::http::server::media::Packed;
use crate::http::server::noted;
use crate::http::server::open_streams::OpenStreams;
use crate::ids::PartnerId;
use crate::intake::upload::Shelf;
use crate::observations::Observations;
use crate::partner::{Partner, Registry};
use crate::program::Judging;
use crate::secrets::keys::Keys;
use crate::settings::{CrmFeedbackSettings, Settings, TokenSettings, WebhookSettings};
use crate::store::signatures::NewSignature;
use crate::telemetry::metrics::Metrics;
use crate::writer::{Outcome, Submission, WriteError};

/// What handlers share.
pub struct Gateway {
    pub registry: Arc<Registry>,
    pub keys: Keys,
    /// The books of real partners, of customers and of staff. Code that serves one partner asks
    /// `books` instead.
    pub main: Books,
    pub(in crate::http) sandbox: Option<Books>,
    /// Our own URL, without a slash at the end.
    pub issuer: String,
    pub time_zone: chrono_tz::Tz,
    /// Maximum size of an uploaded file, in bytes.
    pub(in crate::http) upload_bytes_max: i64,
    /// Maximum size of a file once it is unpacked, in bytes.
    pub unpacked_bytes_max: u64,
    pub(in crate::http) streams: OpenStreams,
    pub long_work: LongWork,
    /// Statements as files are made one or two at a time, beside the other long work.
    pub statement_files: LongWork,
    pub metrics: Arc<Metrics>,
    /// Whether the public address shows the metrics to staff.
    pub(in crate::http) metrics_public: bool,
    /// The API's description, made when somebody asks for it first.
    pub(in crate::http) openapi: OnceLock<Packed>,
    pub(in crate::http) webhooks: WebhookSettings,
    pub(in crate::http) customer_issuer: Option<IdentityProvider>,
    pub(in crate::http) staff_issuer: Option<IdentityProvider>,
    /// How staff sign in at the console, where there is one.
    pub console: Option<CodeFlow>,
    pub(in crate::http) local_provider: Option<LocalProvider>,
    /// How long sessions at the wallet last, where there is a wallet.
    pub wallet: Option<WalletTimes>,
    pub(in crate::http) feedback_secret: Option<SharedSecret>,
    pub(in crate::http) tokens: Tokens,
    /// Rates of partners.
    pub(in crate::http) limits: Limits<PartnerId>,
    /// Rates of customers and of staff, each by their name.
    pub(in crate::http) people: Limits<String>,
    /// Requests a second of one customer, and of one member of staff.
    pub customer_rate: u32,
    pub staff_rate: u32,
    /// Maximum age of a stream of events.
    pub(in crate::http) stream_age_max: Duration,
    /// Whether TLS asks clients for certificates.
    pub(in crate::http) client_certificates: bool,
    /// How long the gateway waits for a slow request body.
    pub(in crate::http) body_patience: Duration,
    /// Rates of the shops' pages for visitors who are not signed in.
    pub(in crate::http) strangers: Limits<Visitor>,
    /// What the software of partners on trial does.
    pub(in crate::http) observations: Arc<Observations>,
}

/// Why no gateway can be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error(transparent)]
    IssuerKeys(#[from] IssuerKeysError),
    #[error("setting console.local_provider: {0}")]
    LocalProvider(&'static str),
    #[error("the CRM's settings cannot be used: {0}")]
    FeedbackSecret(&'static str),
}

impl Gateway {
    /// Whether sign-ins at the console count: those at the provider of trials do only while every partner is
    /// on trial.
    #[must_use]
    pub fn trusts_sign_ins(&self) -> bool {
        self.local_provider.is_none() || self.registry.all_on_trial()
    }

    /// Reads the files that the settings name, and makes nothing of them.
    pub fn check(settings: &Settings) -> Result<(), GatewayError> {
        provider(settings.customer_tokens.as_ref(), "customer_tokens")?;
        provider(settings.staff_tokens.as_ref(), "staff_tokens")?;
        feedback_secret(settings.crm_feedback.as_ref())?;
        Ok(())
    }

    /// Makes the gateway of a service that is served as `issuer`.
    pub fn new(
        issuer: &str,
        shared: &Shared<'_>,
        main: Books,
        sandbox: Option<Books>,
        observations: Arc<Observations>,
    ) -> Result<Self, GatewayError> {
        let Shared { settings, keys, registry, metrics } = shared;
        let issuer = issuer.trim_end_matches('/').to_owned();
        let tls = settings.tls.as_ref();
        Ok(Self {
            registry: Arc::clone(registry),
            keys: (*keys).clone(),
            main,
            sandbox,
            time_zone: settings.time_zone,
            upload_bytes_max: i64::from(settings.upload_bytes_max),
            unpacked_bytes_max: settings.unpacked_bytes_max,
            streams: OpenStreams::default(),
            long_work: LongWork::default(),
            statement_files: LongWork::default(),
            metrics: Arc::clone(metrics),
            metrics_public: settings.metrics.public,
            openapi: OnceLock::new(),
            webhooks: settings.webhooks,
            customer_issuer: provider(settings.customer_tokens.as_ref(), "customer_tokens")?,
            staff_issuer: provider(settings.staff_tokens.as_ref(), "staff_tokens")?,
            console: console(settings, &issuer)?,
            local_provider: local_provider(settings, registry)?,
            wallet: settings.wallet.map(WalletTimes::of),
            feedback_secret: feedback_secret(settings.crm_feedback.as_ref())?,
            tokens: Tokens::new(&issuer, keys.token.clone()),
            limits: Limits::default(),
            people: Limits::default(),
            customer_rate: settings.customer_requests_per_second,
            staff_rate: settings.staff_requests_per_second,
            stream_age_max: Duration::from_secs(settings.stream_seconds.max(1)),
            client_certificates: tls.is_some_and(|tls| tls.client_certificates.is_some()),
            body_patience: Duration::from_secs(settings.body_seconds),
            strangers: Limits::default(),
            observations,
            issuer,
        })
    }

    /// The books of a partner, by its status now. This is the only place that decides it.
    pub(in crate::http) fn books(&self, partner: &Partner) -> &Books {
        let own = self.sandbox.as_ref().filter(|_own| partner.status.is_trial());
        own.unwrap_or(&self.main)
    }

    /// Whether partners on trial have books of their own.
    pub const fn has_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Whether a partner's books are apart from those of real partners and of customers.
    pub fn is_apart(&self, partner: &Partner) -> bool {
        self.sandbox.is_some() && partner.status.is_trial()
    }

    /// Hands an event of a partner to the writer of its books, and waits until it is recorded.
    ///
    /// # Errors
    /// The writer's.
    pub(in crate::http) async fn hand_in(
        &self,
        partner: &Arc<Partner>,
        event: Event,
        signed: Option<Arc<NewSignature>>,
    ) -> Result<Outcome, WriteError> {
        let submission =
            Submission { partner: Arc::clone(partner), event, signed, judging: Judging::InForce };
        self.books(partner).writer.submit(submission).await
    }

    /// The place where a partner's files are kept.
    pub(in crate::http) fn shelf(&self, partner: &Partner) -> Shelf<'_> {
        let (books, keys) = (self.books(partner), &self.keys.personal);
        Shelf { books, keys, file_bytes_max: self.upload_bytes_max }
    }

    /// Counts a request against the partner's rate.
    ///
    /// # Errors
    /// `rate-limited`, when the partner has used up its rate.
    pub(in crate::http) fn limit(
        &self,
        request: &HttpRequest,
        partner: &Partner,
        now: Moment,
    ) -> Result<(), Problem> {
        let taken = self.limits.take(&partner.id, partner.access.requests_per_second, now);
        let (Ok(allowance) | Err(allowance)) = taken;
        noted::note_allowance(request, allowance);
        taken.map(|_allowance| ()).map_err(|_allowance| Problem::rate_limited())
    }

    /// Counts a request against the rate of a customer or of a member of staff, by name.
    ///
    /// # Errors
    /// `rate-limited`, when the person has used up their rate.
    pub fn limit_person(
        &self,
        request: &HttpRequest,
        name: &str,
        per_second: u32,
        now: Moment,
    ) -> Result<(), Problem> {
        let taken = self.people.take(&name.to_owned(), per_second, now);
        let (Ok(allowance) | Err(allowance)) = taken;
        noted::note_allowance(request, allowance);
        taken.map(|_allowance| ()).map_err(|_allowance| Problem::too_many_requests())
    }

    /// The business day of a moment, in the programme's time zone.
    pub(in crate::http) fn day(&self, moment: Moment) -> NaiveDate {
        moment.utc().with_timezone(&self.time_zone).date_naive()
    }
}

/// Without the settings no tokens of these people are accepted.
fn provider(
    settings: Option<&TokenSettings>,
    table: &'static str,
) -> Result<Option<IdentityProvider>, IssuerKeysError> {
    settings.map(|settings| IdentityProvider::load(settings, table)).transpose()
}

fn console(settings: &Settings, own_url: &str) -> Result<Option<CodeFlow>, IssuerKeysError> {
    let console = settings.console.as_ref();
    let flow = |console| CodeFlow::new(console, settings.staff_tokens.as_ref(), own_url);
    console.map(flow).transpose()
}

/// The identity provider of a trial, where the settings ask for it and nobody is beyond the sandbox.
fn local_provider(
    settings: &Settings,
    registry: &Registry,
) -> Result<Option<LocalProvider>, GatewayError> {
    let Some(console) = settings.console.as_ref().filter(|console| console.local_provider) else {
        return Ok(None);
    };
    if !registry.all_on_trial() {
        let expected = "expected no partner beyond the sandbox: staff sign in without a password";
        return Err(GatewayError::LocalProvider(expected));
    }
    LocalProvider::new(&console.client_id).map(Some).map_err(GatewayError::LocalProvider)
}

/// The secret that the CRM signs its feedback with, where the settings have one.
fn feedback_secret(
    settings: Option<&CrmFeedbackSettings>,
) -> Result<Option<SharedSecret>, GatewayError> {
    let Some(settings) = settings else { return Ok(None) };
    let expected = "crm_feedback.secret: expected whsec_ and base64 of 24 to 64 bytes";
    SharedSecret::read(&settings.secret).map(Some).ok_or(GatewayError::FeedbackSecret(expected))
}
