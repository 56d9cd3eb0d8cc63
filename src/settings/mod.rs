//! One value with every setting: defaults, then a file, then the environment. An unknown key or a
//! bad value is refused with its name, its source, and what was expected.

mod console;
mod crm;
mod drop_folder;
mod error;
mod secret;
mod wallet;

pub use console::ConsoleSettings;
pub use crm::{
    CrmFeedbackSettings, CrmSettings, CrmWebhookSettings, LoginSettings, SalesforceSettings,
};
pub use drop_folder::DropFolderSettings;
pub use error::SettingsError;
pub use secret::Secret;
pub use wallet::WalletSettings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::{Deserialize, Deserializer};

use crate::database_url::DatabaseUrl;

/// Everything that an operator may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `sqlite://PATH` or `postgres://…`; also read from `DATABASE_URL`.
    #[serde(deserialize_with = "database_url")]
    pub database_url: DatabaseUrl,
    /// How long a start waits for a database that does not answer yet, in seconds.
    pub database_wait_seconds: u64,
    /// The address to listen on; port 0 picks a free one.
    #[serde(deserialize_with = "parsed::<_, SocketAddr>")]
    pub listen: SocketAddr,
    /// Our own URL as partners see it: issuer of tokens, audience of assertions. Without it, the URL
    /// is `http://` and the address.
    pub issuer: Option<String>,
    /// The folder of partners.
    pub partners: PathBuf,
    /// How often the gateway checks the folder for changed files, in milliseconds.
    pub partners_millis: u64,
    /// The file of secrets; the first start makes it if it is missing.
    pub keys: PathBuf,
    /// Where the secrets are if not in the file: in an environment variable, or printed by a command.
    #[serde(default)]
    pub key_source: KeyPlace,
    /// How often the secrets are read again, in seconds: every gateway knows a new key by then.
    pub keys_seconds: u64,
    /// The time zone of business days, terms and expiries (IANA name).
    #[serde(deserialize_with = "time_zone")]
    pub time_zone: chrono_tz::Tz,
    /// HTTP threads.
    pub workers: usize,
    /// Database connections for reads and small writes, beside the writer's.
    pub pool_max: u32,
    /// Connections that record events at once; on SQLite always one.
    pub writers: usize,
    /// How often the gateway looks for points that mature or expire, in seconds.
    pub due_seconds: u64,
    /// Events of one partner that may wait for the writer before a 503.
    pub queue_max: usize,
    /// Events in one transaction.
    pub group_max: usize,
    /// How long a gateway has a lead for itself while it delivers it, in seconds. A request to the CRM
    /// may take a quarter of it. After this time another gateway may deliver the lead.
    pub lead_lease_seconds: u32,
    /// How long a request's body may take, in seconds, plus one second for each KiB.
    pub body_seconds: u64,
    /// Requests a second of one customer, and of one member of staff; twice as many at once.
    pub customer_requests_per_second: u32,
    pub staff_requests_per_second: u32,
    /// How long what is sent may stay unread before the connection is closed, in seconds.
    pub write_seconds: u64,
    /// How long a stream of events may stay open, in seconds.
    pub stream_seconds: u64,
    /// Maximum size of an uploaded file, in bytes, as it comes and unpacked.
    pub upload_bytes_max: u32,
    pub unpacked_bytes_max: u64,
    /// How long a gateway has a file for itself without progress, in seconds. After this time another
    /// gateway may take it in.
    pub import_lease_seconds: u32,
    /// How long a stopping service waits for requests that are not answered yet, in seconds.
    pub shutdown_seconds: u64,
    pub delivery: DeliverySettings,
    pub webhooks: WebhookSettings,
    pub log: Log,
    pub metrics: MetricsSettings,
    pub traces: Option<TraceSettings>,
    /// Without it, all listed partners are on trial, or none is.
    pub sandbox: Option<SandboxSettings>,
    /// Without it, no statement is taken from a folder.
    pub drop_folder: Option<DropFolderSettings>,
    pub crm: Option<CrmSettings>,
    /// Which part of a lead goes into which field of the CRM; without it, the built-in mapping.
    pub crm_mapping: Option<PathBuf>,
    /// How often the CRM is asked for changes of our leads, in milliseconds.
    pub crm_poll_millis: u64,
    pub crm_feedback: Option<CrmFeedbackSettings>,
    pub notices: Option<NoticeSettings>,
    /// The bank's own address for alarms; without an address no message goes out.
    pub alarms: Option<AlarmSettings>,
    pub customer_tokens: Option<TokenSettings>,
    pub staff_tokens: Option<TokenSettings>,
    /// Without it there is no console for staff.
    pub console: Option<ConsoleSettings>,
    /// Without it there is no wallet for customers.
    pub wallet: Option<WalletSettings>,
    /// Without it, the gateway speaks HTTP behind a proxy that ends TLS.
    pub tls: Option<TlsSettings>,
}

/// TLS that the gateway ends itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The server's certificate and those above it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Which client certificates are accepted; without it, none is asked for.
    pub client_certificates: Option<ClientCertificates>,
}

/// Which client certificates are accepted (RFC 8705).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// `any`: self-signed ones too; tokens are bound to them.
    Any,
    /// The file of the authorities that issue them, PEM.
    IssuedBy(PathBuf),
}

impl<'de> Deserialize<'de> for ClientCertificates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(if text == "any" { Self::Any } else { Self::IssuedBy(text.into()) })
    }
}

/// How fast each gateway sends messages to each destination.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliverySettings {
    /// Messages under way at once.
    pub at_once: usize,
    /// Messages that begin in a second.
    pub per_second: usize,
}

/// Which webhook endpoints partners may name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Accept endpoints without TLS.
    pub allow_http: bool,
    /// Call addresses outside of the public Internet: each partner can then reach what the gateway
    /// can reach.
    pub allow_private_addresses: bool,
}

/// How much is logged, and in which form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `tracing` directives, such as `info` or `tallystick=debug,actix_web=warn`.
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Where the metrics can be read, and by whom.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// An address of their own, in the operators' network: everybody who reaches it may read them.
    #[serde(default, deserialize_with = "parsed_where_given::<_, SocketAddr>")]
    pub listen: Option<SocketAddr>,
    /// Whether they are on the public address too, for staff with the role `read`.
    pub public: bool,
}

/// Where traces go, and how many are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceSettings {
    /// The collector's whole URL for OTLP over HTTP, as protobuf.
    pub endpoint: String,
    /// One trace in this many is kept.
    #[serde(default = "every_one")]
    pub sample_one_in: u32,
    #[serde(default = "own_name")]
    pub service_name: String,
}

const fn every_one() -> u32 {
    1
}

fn own_name() -> String {
    env!("CARGO_PKG_NAME").to_owned()
}

/// The separate books of partners on trial.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxSettings {
    /// Like `database_url`, and another database.
    #[serde(deserialize_with = "database_url")]
    pub database_url: DatabaseUrl,
}

/// Who sends notices to customers; without it, nobody does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "sender", rename_all = "lowercase")]
pub enum NoticeSettings {
    /// Notices are log lines, for trials.
    Log,
    /// The bank's message gateway gets a signed `POST`.
    Webhook { url: String, secret: Secret },
}

/// The bank's own address, which gets a signed `POST` when an alarm begins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmSettings {
    pub url: String,
    /// `whsec_…`: signs what we send.
    pub secret: Secret,
}

/// Where the key set is: JSON or TOML, unless it is the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub enum KeyPlace {
    /// The file that the setting `keys` names.
    #[default]
    File,
    /// An environment variable; its name must not begin with `TALLYSTICK_`.
    Env { variable: String },
    /// A command that prints the key set, for example one that asks a key management service.
    Command { command: Vec<String>, seconds_max: u64 },
}

/// The identity provider of customers, or of staff.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenSettings {
    pub issuer: String,
    pub audience: String,
    /// A file with a JWK set (RFC 7517): the issuer's public keys. It is read again when it changes.
    pub jwks: PathBuf,
    /// Instead of a file, the URL of the JWK set. Without both, the URL is found by OpenID Connect
    /// Discovery below the issuer.
    pub jwks_uri: Option<String>,
    /// How often the URL is asked again, in seconds. An unknown key has it asked at once.
    pub jwks_seconds: u64,
    /// The claim that lists a person's roles: its name, or a path such as `realm_access.roles`.
    pub roles_claim: String,
    /// Staff only: the claim that tells people apart, such as the employee number. One person with two
    /// accounts is one person then. Without it, `sub` does.
    pub person_claim: Option<String>,
    /// Staff only: the claim with the `sub` that the person has at the customers' provider. Nobody
    /// corrects their own account.
    pub customer_claim: Option<String>,
    /// Staff only: the claim that lists the same of the people who live with the person. Nobody corrects
    /// the accounts of their household.
    pub household_claim: Option<String>,
    /// Customers only: the claim with the person's own phone number (E.164) for which the provider vouches,
    /// such as `phone_number`. With it people confirm referrals about themselves.
    pub phone_claim: Option<String>,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            jwks: PathBuf::new(),
            jwks_uri: None,
            jwks_seconds: 300,
            roles_claim: "roles".to_owned(),
            person_claim: None,
            customer_claim: None,
            household_claim: None,
            phone_claim: None,
        }
    }
}

impl TokenSettings {
    /// How the settings of one identity provider must fit each other.
    fn check(&self, table: &str) -> Result<(), SettingsError> {
        let wrong = |what: &str| Err(SettingsError(format!("setting {table}.{what}")));
        if self.issuer.is_empty() {
            return wrong("issuer: missing: expected the URL that tokens name as iss");
        }
        if self.audience.is_empty() {
            return wrong("audience: missing: expected the name of this service in aud");
        }
        if self.roles_claim.is_empty() {
            return wrong("roles_claim: expected the name of a claim");
        }
        let has_file = !self.jwks.as_os_str().is_empty();
        let url = self.jwks_uri.as_deref();
        if has_file && url.is_some() {
            return wrong("jwks_uri: expected jwks or jwks_uri, not both");
        }
        let asked = if has_file { None } else { Some(url.unwrap_or(&self.issuer)) };
        match asked {
            Some(asked) if !is_safe_url(asked) => wrong(
                "jwks_uri: expected an https:// URL (http:// on this machine only), or a file of \
                 keys in jwks",
            ),
            _ => Ok(()),
        }
    }
}

/// Whether what comes from a URL comes unchanged.
#[must_use]
pub fn is_safe_url(url: &str) -> bool {
    url.starts_with("https://") || is_local_url(url)
}

/// Whether a URL leads to this machine.
fn is_local_url(url: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    local.iter().any(|start| {
        url.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

/// The defaults, which files and environment may leave out.
const DEFAULTS: &str = include_str!("../settings.default.toml");

/// Environment variables are named `TALLYSTICK_…`, with two underscores between a table and its key
/// (`TALLYSTICK_CRM__URL`).
const PREFIX: &str = "TALLYSTICK_";

impl Settings {
    /// Reads defaults, then `file` if one is given, then the environment.
    ///
    /// # Errors
    /// [`SettingsError`] naming the key.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(SettingsError(format!("no settings file at {}", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let figment = figment
            .merge(Env::raw().only(&["DATABASE_URL"]))
            .merge(Env::prefixed(PREFIX).split("__"));
        let settings: Self = figment.extract().map_err(|errors: figment::Error| {
            let each: Vec<String> = errors.into_iter().map(|error| describe(&error)).collect();
            SettingsError(each.join("\n"))
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// Checks settings that depend on each other.
    fn check(&self) -> Result<(), SettingsError> {
        if self.sandbox.as_ref().is_some_and(|own| own.database_url.is_same(&self.database_url)) {
            let what = "setting sandbox.database_url: expected another database than database_url";
            return Err(SettingsError(what.to_owned()));
        }
        if let (Some(customers), Some(staff)) = (&self.customer_tokens, &self.staff_tokens)
            && (&customers.issuer, &customers.audience) == (&staff.issuer, &staff.audience)
        {
            return Err(SettingsError(
                "settings customer_tokens and staff_tokens: expected another issuer or another \
                 audience for each, or a customer's token could pass for one of staff"
                    .to_owned(),
            ));
        }
        if let Some(customers) = &self.customer_tokens {
            customers.check("customer_tokens")?;
        }
        if let Some(staff) = &self.staff_tokens {
            staff.check("staff_tokens")?;
        }
        self.check_console()?;
        self.wallet.map_or(Ok(()), WalletSettings::check)?;
        match &self.key_source {
            KeyPlace::Env { variable } if variable.starts_with(PREFIX) => Err(SettingsError(
                format!("setting key_source.variable: {variable} would be taken for a setting"),
            )),
            KeyPlace::Command { command, .. } if command.is_empty() => Err(SettingsError(
                "setting key_source.command: expected the program and what it is given".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

impl Settings {
    /// Staff sign in at the console where their tokens come from, or at the provider of a trial.
    fn check_console(&self) -> Result<(), SettingsError> {
        let Some(console) = &self.console else { return Ok(()) };
        let wrong = |what: &str| Err(SettingsError(format!("setting console.{what}")));
        if console.client_id.is_empty() {
            return wrong("client_id: missing: expected what the identity provider calls us");
        }
        if console.idle_seconds == 0 || console.idle_seconds > console.session_seconds {
            return wrong("idle_seconds: expected 1 or more, and not above session_seconds");
        }
        if console.local_provider {
            let is_local = self.listen.ip().is_loopback() && self.tls.is_none();
            let names = self.issuer.as_deref();
            if !is_local || names.is_some_and(|issuer| !is_local_url(issuer)) {
                return wrong("local_provider: expected listen and issuer on this machine only");
            }
            return Ok(());
        }
        match &self.staff_tokens {
            Some(staff) if is_safe_url(&staff.issuer) => Ok(()),
            Some(_) => wrong("client_id: expected an https:// URL as staff_tokens.issuer"),
            None => wrong("client_id: expected staff_tokens too: staff sign in at that issuer"),
        }
    }
}

/// An environment variable that a setting names; `None` if it is not set.
#[expect(clippy::disallowed_methods, reason = "this is the one file that reads the environment")]
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Settings {
    /// The database of the main books, or of the sandbox's.
    ///
    /// # Errors
    /// [`SettingsError`] if the sandbox has no database of its own.
    pub fn books_url(&self, sandbox: bool) -> Result<&DatabaseUrl, SettingsError> {
        if !sandbox {
            return Ok(&self.database_url);
        }
        let own = self.sandbox.as_ref().map(|sandbox| &sandbox.database_url);
        own.ok_or_else(|| {
            SettingsError(
                "the sandbox has no books of its own: set sandbox.database_url".to_owned(),
            )
        })
    }
}

fn describe(error: &figment::Error) -> String {
    let key = if error.path.is_empty() { String::new() } else { error.path.join(".") + ": " };
    let source = error.metadata.as_ref().map(|metadata| {
        metadata.source.as_ref().map_or_else(|| metadata.name.to_string(), ToString::to_string)
    });
    let source = source.map(|source| format!(" (in {source})")).unwrap_or_default();
    format!("setting {key}{}{source}", error.kind)
}

fn database_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DatabaseUrl, D::Error> {
    let text = String::deserialize(deserializer)?;
    DatabaseUrl::parse(&text).map_err(serde::de::Error::custom)
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<chrono_tz::Tz, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_unknown| {
        serde::de::Error::custom(format!(
            "{text:?} is not an IANA time zone, such as Asia/Shanghai"
        ))
    })
}

fn parsed_where_given<'de, D: Deserializer<'de>, T: std::str::FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    parsed(deserializer).map(Some)
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_bad| {
        serde::de::Error::custom(format!("{text:?} is not an address, such as 127.0.0.1:8080"))
    })
}
