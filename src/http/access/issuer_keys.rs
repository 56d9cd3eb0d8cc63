//! The public keys of an identity provider of the bank: read from a file or fetched by URL, kept,
//! and read again so that a new or withdrawn key is known without a restart.
//!
//! | setting | keys come from | read again |
//! |---|---|---|
//! | `jwks` | a file | when the file has changed, looked at each second |
//! | `jwks_uri` | that URL | every `jwks_seconds`, and when a token names an unknown key |
//! | neither | `jwks_uri` of `{issuer}/.well-known/openid-configuration` (OpenID Connect Discovery 1.0) | as above |

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::web::block;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::jwt;
use crate::settings::TokenSettings;

/// How often a file is looked at.
const FILE_EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two requests to the identity provider, whoever causes them.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the identity provider may take to answer.
const TIME_OUT: Duration = Duration::from_secs(5);
/// Maximum size of a key set, in bytes.
const BYTES_MAX: usize = 1024 * 1024;

/// A key that may sign tokens.
pub struct IssuerKey {
    kid: Option<String>,
    /// The algorithms that the key is for. An RSA key that does not say so is for two.
    algorithms: Vec<Algorithm>,
    pub decoding: DecodingKey,
}

/// Keys of one reading.
pub type KeySet = Arc<Vec<IssuerKey>>;

/// Why the identity provider's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuerKeysError {
    #[error("setting {table}.jwks: cannot read {path}")]
    Unreadable { table: &'static str, path: PathBuf, source: std::io::Error },
    #[error("setting {table}.jwks: {path} is not a JWK set (RFC 7517): {what}")]
    Malformed { table: &'static str, path: PathBuf, what: String },
    #[error("setting {table}.jwks: {path} has no key for EdDSA, ES256, PS256 or RS256")]
    NoKey { table: &'static str, path: PathBuf },
    #[error("setting {table}.jwks_uri: {what}")]
    Unreachable { table: &'static str, what: String },
}

/// The keys as they are known now, and where they come from.
pub struct IssuerKeys {
    table: &'static str,
    place: Place,
    every: Duration,
    known: RwLock<Known>,
    /// Held while the keys are read: others wait for the one reading.
    reading: Mutex<()>,
}

#[derive(Clone)]
enum Place {
    File(PathBuf),
    Url { http: reqwest::Client, url: String },
    Discovery { http: reqwest::Client, issuer: String },
}

struct Known {
    keys: KeySet,
    /// When they were read, or when it was tried last.
    tried_at: Option<Instant>,
    /// Whether the last reading failed: a failure is logged once, not with each try.
    has_failed: bool,
}

impl IssuerKeys {
    /// A file is read at once, so that a wrong setting ends the start. A URL is asked when the
    /// first token comes: the identity provider may start later than this service.
    pub fn load(settings: &TokenSettings, table: &'static str) -> Result<Self, IssuerKeysError> {
        let place = place(settings, table)?;
        let (keys, tried_at) = match &place {
            Place::File(path) => (Arc::new(read_file(path.clone(), table)?), Some(Instant::now())),
            Place::Url { .. } | Place::Discovery { .. } => (KeySet::default(), None),
        };
        let every = match &place {
            Place::File(_) => FILE_EVERY,
            Place::Url { .. } | Place::Discovery { .. } => {
                Duration::from_secs(settings.jwks_seconds.max(1))
            }
        };
        let known = RwLock::new(Known { keys, tried_at, has_failed: false });
        Ok(Self { table, place, every, known, reading: Mutex::new(()) })
    }

    /// The keys as they are known now.
    pub fn now(&self) -> KeySet {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).keys)
    }

    /// Reads the keys again when they are older than they may be. Where that fails, the known keys
    /// stay, and the log says so.
    pub async fn freshen(&self) {
        let is_failing = self.known.read().unwrap_or_else(PoisonError::into_inner).has_failed;
        let age = if is_failing { PAUSE.min(self.every) } else { self.every };
        self.read_when_older_than(age).await;
    }

    /// Reads the keys again for a token that names an unknown key, as often as the provider may be
    /// asked.
    pub async fn look_for_new(&self) {
        let pause = match &self.place {
            Place::File(_) => Duration::ZERO,
            Place::Url { .. } | Place::Discovery { .. } => PAUSE.min(self.every),
        };
        self.read_when_older_than(pause).await;
    }

    async fn read_when_older_than(&self, age: Duration) {
        let is_older = || {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.tried_at.is_none_or(|tried| tried.elapsed() >= age)
        };
        if !is_older() {
            return;
        }
        let _one_at_a_time = self.reading.lock().await;
        // Another request may have read them meanwhile.
        if !is_older() {
            return;
        }
        let found = self.read().await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.tried_at = Some(Instant::now());
        match found {
            Ok(keys) => {
                known.keys = Arc::new(keys);
                known.has_failed = false;
            }
            Err(_again) if known.has_failed => {}
            Err(error) => {
                known.has_failed = true;
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the identity provider's keys cannot be read now");
            }
        }
    }

    async fn read(&self) -> Result<Vec<IssuerKey>, IssuerKeysError> {
        let table = self.table;
        let unreachable = |what: String| IssuerKeysError::Unreachable { table, what };
        let (http, url) = match self.place.clone() {
            Place::File(path) => {
                let read = block(move || read_file(path, table)).await;
                return read
                    .map_err(|_stopping| unreachable("the service is stopping".to_owned()))?;
            }
            Place::Url { http, url } => (http, url),
            Place::Discovery { http, issuer } => {
                let url = discover(&http, &issuer).await.map_err(unreachable)?;
                (http, url)
            }
        };
        let text = fetch(&http, &url).await.map_err(unreachable)?;
        let keys = read_keys(&text)
            .map_err(|error| unreachable(format!("{url} is not a JWK set (RFC 7517): {error}")))?;
        if keys.is_empty() {
            let what = format!("{url} has no key for EdDSA, ES256, PS256 or RS256");
            return Err(unreachable(what));
        }
        Ok(keys)
    }
}

impl IssuerKey {
    /// The key that a token's header names. A token without `kid` fits only where there is one key.
    pub fn find<'k>(keys: &'k [Self], kid: Option<&str>, algorithm: Algorithm) -> Option<&'k Self> {
        let key = match (kid, keys) {
            (Some(_), keys) => keys.iter().find(|key| key.kid.as_deref() == kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        key.filter(|key| key.algorithms.contains(&algorithm))
    }
}

fn place(settings: &TokenSettings, table: &'static str) -> Result<Place, IssuerKeysError> {
    if settings.jwks.as_os_str().is_empty() {
        let http = client()
            .map_err(|error| IssuerKeysError::Unreachable { table, what: error.to_string() })?;
        return Ok(match &settings.jwks_uri {
            Some(url) => Place::Url { http, url: url.clone() },
            None => Place::Discovery { http, issuer: settings.issuer.clone() },
        });
    }
    Ok(Place::File(settings.jwks.clone()))
}

/// Asks identity providers, and goes nowhere else on their word.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().timeout(TIME_OUT).redirect(reqwest::redirect::Policy::none()).build()
}

fn read_file(path: PathBuf, table: &'static str) -> Result<Vec<IssuerKey>, IssuerKeysError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(IssuerKeysError::Unreadable { table, path, source }),
    };
    let keys = match read_keys(&text) {
        Ok(keys) => keys,
        Err(error) => {
            return Err(IssuerKeysError::Malformed { table, path, what: error.to_string() });
        }
    };
    if keys.is_empty() {
        return Err(IssuerKeysError::NoKey { table, path });
    }
    Ok(keys)
}

/// Where the provider publishes its keys (OpenID Connect Discovery 1.0, section 4).
async fn discover(http: &reqwest::Client, issuer: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: String,
    }
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let text = fetch(http, &url).await?;
    let metadata: Metadata = serde_json::from_str(&text)
        .map_err(|error| format!("{url} is no metadata with issuer and jwks_uri: {error}"))?;
    if metadata.issuer != issuer {
        return Err(format!("{url} states another issuer: {}", metadata.issuer));
    }
    Ok(metadata.jwks_uri)
}

pub(super) async fn fetch(http: &reqwest::Client, url: &str) -> Result<String, String> {
    read_answer(http.get(url)).await.map_err(|fault| format!("{url}: {fault}"))
}

/// Why an identity provider's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerFault {
    #[error("it answered {0}")]
    Status(reqwest::StatusCode),
    #[error("it answered more than {BYTES_MAX} bytes")]
    Long,
    #[error("it answered what is not UTF-8")]
    NotText,
    #[error("it cannot be asked: {0}")]
    Road(reqwest::Error),
}

/// Sends a request to an identity provider, and reads an answer of bounded size.
pub(super) async fn read_answer(request: reqwest::RequestBuilder) -> Result<String, AnswerFault> {
    let failed = |error: reqwest::Error| AnswerFault::Road(error.without_url());
    let mut answer = request.send().await.map_err(failed)?;
    if !answer.status().is_success() {
        return Err(AnswerFault::Status(answer.status()));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(failed)? {
        if body.len().saturating_add(part.len()) > BYTES_MAX {
            return Err(AnswerFault::Long);
        }
        body.extend_from_slice(&part);
    }
    String::from_utf8(body).map_err(|_bad| AnswerFault::NotText)
}

/// The keys of a set that may sign tokens. Others, such as those for encryption, are ignored.
pub fn read_keys(text: &str) -> Result<Vec<IssuerKey>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_str(text)?;
    Ok(set.keys.into_iter().filter_map(read_key).collect())
}

fn read_key(value: Value) -> Option<IssuerKey> {
    // A key of a kind that the library does not know is of no use here either.
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|of| *of != PublicKeyUse::Signature) {
        return None;
    }
    let fit: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::RSA(_) => &[Algorithm::PS256, Algorithm::RS256],
        _ => return None,
    };
    let named = jwk.common.key_algorithm.map(|algorithm| algorithm.to_string());
    let algorithms: Vec<Algorithm> = jwt::ALGORITHMS
        .into_iter()
        .filter(|(algorithm, name)| {
            fit.contains(algorithm) && named.as_deref().is_none_or(|named| named == *name)
        })
        .map(|(algorithm, _name)| algorithm)
        .collect();
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then_some(IssuerKey { kid: jwk.common.key_id, algorithms, decoding })
}

#[cfg(test)]
impl IssuerKeys {
    /// Keys that are never read again.
    pub fn fixed(keys: Vec<IssuerKey>) -> Self {
        let tried_at = Some(Instant::now());
        let known = Known { keys: Arc::new(keys), tried_at, has_failed: false };
        Self {
            table: "test",
            place: Place::File(PathBuf::new()),
            every: Duration::MAX,
            known: RwLock::new(known),
            reading: Mutex::new(()),
        }
    }
}
