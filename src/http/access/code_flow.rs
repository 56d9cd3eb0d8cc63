//! Sign-in of staff by the bank's OpenID Connect provider: the authorization code flow with PKCE
//! (OpenID Connect Core 1.0, RFC 6749, RFC 7636). One secret in a cookie of the browser gives `state`,
//! `nonce` and the code verifier, so that an answer is of use in the browser that asked for it, and
//! nowhere else.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::id_token::{self, IdTokenError, IdTokenNeeds, is_same};
use super::identity_provider::{IdentityProvider, IssuedTokenError, Roles};
use super::issuer_keys::{AnswerFault, IssuerKeysError, client, fetch, read_answer};
use crate::clock::Moment;
use crate::http::pages::forms::new_secret;
use crate::http::problem::Problem;
use crate::ids::StaffId;
use crate::sessions::{SessionTimes, SignedIn};
use crate::settings::{ConsoleSettings, Secret, TokenSettings, is_safe_url};

/// Where the identity provider sends the browser back to, below our own URL.
pub const CALLBACK_PATH: &str = "/console/callback";
/// The provider of trials, below our own URL.
pub const LOCAL_PROVIDER_PATH: &str = "/local-provider";

/// How long the provider's metadata is kept.
const METADATA_KEPT: Duration = Duration::from_secs(300);
/// The shortest time between two questions to a provider that does not answer. Meanwhile people are told
/// so at once.
const METADATA_PAUSE: Duration = Duration::from_secs(5);

/// The console as a client of the identity provider.
pub struct CodeFlow {
    client_id: String,
    client_secret: Option<Secret>,
    scope: String,
    issuer: String,
    redirect_uri: String,
    provider: IdentityProvider,
    http: reqwest::Client,
    known: RwLock<Known>,
    /// Held while the provider is asked: others take what is known, or wait for the one answer.
    asking: Mutex<()>,
    pub times: SessionTimes,
    /// Whoever approves has shown who they are within this time.
    pub fresh: TimeDelta,
}

/// What is known of the provider.
#[derive(Default)]
struct Known {
    metadata: Option<Arc<Metadata>>,
    /// When it was asked last, and what was wrong with the answer.
    asked_at: Option<Instant>,
    fault: Option<String>,
}

/// What the provider says of itself (OpenID Connect Discovery 1.0, RFC 9207).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The secret of a sign-in that has begun, which the browser keeps.
#[derive(Clone, Debug)]
pub struct SignInSecret(String);

/// How recent the provider's own sign-in must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Any,
    /// The person shows once more who they are.
    Now,
}

/// What the provider sends the browser back with (RFC 6749, section 4.1.2; RFC 9207).
#[derive(Deserialize)]
pub struct Answer {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
    access_token: Option<String>,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the identity provider cannot be used: {0}")]
    Provider(String),
    /// It belongs to another browser, or was used before.
    #[error("the answer is of another sign-in (state)")]
    State,
    #[error("the answer is of another issuer (iss)")]
    Issuer,
    #[error("the identity provider has not signed the person in")]
    Refused,
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    #[error("the person is not named as staff are")]
    Person,
}

impl From<IssuedTokenError> for SignInError {
    fn from(error: IssuedTokenError) -> Self {
        Self::IdToken(error.into())
    }
}

impl SignInSecret {
    /// # Errors
    /// `internal`, when the system gives no random numbers.
    pub fn new() -> Result<Self, Problem> {
        new_secret().map(Self)
    }

    /// As a cookie brings it. A secret that is no secret of ours fits no answer.
    #[must_use]
    pub fn of_cookie(value: &str) -> Self {
        Self(value.to_owned())
    }

    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// One of the values that the secret gives; the secret does not follow from them.
    fn give(&self, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("{what} {}", self.0).as_bytes()))
    }
}

impl CodeFlow {
    /// The console's client of a service that is served as `issuer`.
    ///
    /// # Errors
    /// [`IssuerKeysError`], where no HTTP client can be made or the file of keys cannot be read.
    pub fn new(
        settings: &ConsoleSettings,
        staff: Option<&TokenSettings>,
        own_url: &str,
    ) -> Result<Self, IssuerKeysError> {
        let local = TokenSettings {
            issuer: format!("{own_url}{LOCAL_PROVIDER_PATH}"),
            ..TokenSettings::default()
        };
        let tokens = staff.filter(|_staff| !settings.local_provider).unwrap_or(&local);
        let tokens = TokenSettings { audience: settings.client_id.clone(), ..tokens.clone() };
        let unreachable = |error: reqwest::Error| IssuerKeysError::Unreachable {
            table: "console",
            what: error.to_string(),
        };
        let seconds = |number: u32| TimeDelta::seconds(i64::from(number));
        Ok(Self {
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            scope: settings.scope.clone(),
            issuer: tokens.issuer.clone(),
            redirect_uri: format!("{own_url}{CALLBACK_PATH}"),
            provider: IdentityProvider::load(&tokens, "console")?,
            http: client().map_err(unreachable)?,
            known: RwLock::default(),
            asking: Mutex::default(),
            times: SessionTimes {
                idle: seconds(settings.idle_seconds),
                longest: seconds(settings.session_seconds),
            },
            fresh: seconds(settings.fresh_seconds),
        })
    }

    /// Where the browser goes to sign in.
    ///
    /// # Errors
    /// [`SignInError::Provider`].
    pub async fn begin(
        &self,
        secret: &SignInSecret,
        freshness: Freshness,
    ) -> Result<String, SignInError> {
        let metadata = self.metadata().await?;
        let bad = |error| SignInError::Provider(format!("its authorization_endpoint: {error}"));
        let mut url = Url::parse(&metadata.authorization_endpoint).map_err(bad)?;
        let challenge = digest(&SHA256, secret.give("verifier").as_bytes());
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scope)
            .append_pair("state", &secret.give("state"))
            .append_pair("nonce", &secret.give("nonce"))
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256");
        if freshness == Freshness::Now {
            query.append_pair("prompt", "login").append_pair("max_age", "0");
        }
        drop(query);
        Ok(url.into())
    }

    /// Who has signed in, by the answer with which the browser came back.
    ///
    /// # Errors
    /// [`SignInError`]: nobody is signed in then.
    pub async fn finish(
        &self,
        answer: &Answer,
        secret: &SignInSecret,
        now: Moment,
    ) -> Result<SignedIn, SignInError> {
        if !is_same(&answer.state, &secret.give("state")) {
            return Err(SignInError::State);
        }
        let metadata = self.metadata().await?;
        match &answer.iss {
            Some(iss) if *iss == self.issuer => {}
            None if !metadata.authorization_response_iss_parameter_supported => {}
            Some(_) | None => return Err(SignInError::Issuer),
        }
        let code = match (&answer.code, &answer.error) {
            (Some(code), None) => code,
            (_, Some(_)) | (None, None) => return Err(SignInError::Refused),
        };
        let tokens = self.redeem(&metadata, code, secret).await?;
        let (nonce, access_token) = (secret.give("nonce"), tokens.access_token.as_deref());
        let needs = IdTokenNeeds { client_id: &self.client_id, nonce: &nonce, access_token };
        let opened = id_token::open(&self.provider, &tokens.id_token, &needs, now).await?;
        let person = opened.vouched.person.ok_or(IssuedTokenError::Person)?;
        let staff = StaffId::try_from(person).map_err(|_invalid| SignInError::Person)?;
        let roles = match opened.vouched.roles {
            Roles::Listed(roles) => roles,
            Roles::NotListed => Vec::new(),
        };
        // A provider that does not say when was asked long ago, for all that is known.
        let authenticated_at = opened.authenticated_at.unwrap_or(now.minus(self.times.longest));
        let own_subjects = opened.vouched.own_subjects;
        Ok(SignedIn { staff, own_subjects, roles, authenticated_at })
    }

    /// Whether a person has shown recently enough who they are to approve something.
    #[must_use]
    pub fn is_fresh(&self, authenticated_at: Moment, now: Moment) -> bool {
        now < authenticated_at.plus(self.fresh)
    }

    /// Has the provider give the tokens for a code, once.
    async fn redeem(
        &self,
        metadata: &Metadata,
        code: &str,
        secret: &SignInSecret,
    ) -> Result<TokenAnswer, SignInError> {
        let verifier = secret.give("verifier");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("client_id", &self.client_id),
            ("code_verifier", &verifier),
        ];
        let mut request = self.http.post(&metadata.token_endpoint);
        if let Some(own) = &self.client_secret {
            let methods = metadata.token_endpoint_auth_methods_supported.as_ref();
            let is_basic = |methods: &Vec<String>| {
                methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic")
            };
            if methods.is_none_or(is_basic) {
                // RFC 6749, section 2.3.1: each part is encoded as a form's.
                request = request
                    .basic_auth(form_encoded(&self.client_id), Some(form_encoded(own.reveal())));
            } else {
                form.push(("client_secret", own.reveal()));
            }
        }
        let request = request.form(&form).header("accept", "application/json");
        let text = read_answer(request).await.map_err(|fault| match fault {
            // A code that is unknown, or was used before (RFC 6749, section 5.2).
            AnswerFault::Status(status) if status.is_client_error() => SignInError::Refused,
            other => SignInError::Provider(format!("its token_endpoint: {other}")),
        })?;
        let bad = |_error| SignInError::Provider("its token_endpoint gave no ID token".to_owned());
        serde_json::from_str(&text).map_err(bad)
    }

    /// The provider's metadata. Nobody waits for a provider that hangs while older metadata is known, and
    /// whoever must wait waits for one answer.
    async fn metadata(&self) -> Result<Arc<Metadata>, SignInError> {
        if let Some(answer) = self.known(METADATA_KEPT) {
            return answer;
        }
        let asking = match self.asking.try_lock() {
            Ok(asking) => asking,
            Err(_another_asks) => {
                if let Some(metadata) = self.read_known().metadata.clone() {
                    return Ok(metadata);
                }
                self.asking.lock().await
            }
        };
        // Another request may have asked meanwhile.
        if let Some(answer) = self.known(METADATA_PAUSE) {
            return answer;
        }
        let found = self.discover().await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.asked_at = Some(Instant::now());
        match found {
            Ok(metadata) => {
                known.metadata = Some(Arc::new(metadata));
                known.fault = None;
            }
            Err(fault) => known.fault = Some(fault),
        }
        drop(known);
        drop(asking);
        self.known(METADATA_KEPT)
            .unwrap_or_else(|| Err(SignInError::Provider("its metadata was not kept".to_owned())))
    }

    /// What is known, where the provider need not be asked: it answered within that time, or it did not
    /// answer a moment ago. Older metadata is better than none.
    fn known(&self, kept: Duration) -> Option<Result<Arc<Metadata>, SignInError>> {
        let known = self.read_known();
        let age = known.asked_at?.elapsed();
        let fault = known.fault.as_ref();
        let good_for = if fault.is_some() { METADATA_PAUSE } else { kept };
        if age >= good_for {
            return None;
        }
        match (&known.metadata, fault) {
            (Some(metadata), _) => Some(Ok(Arc::clone(metadata))),
            (None, Some(fault)) => Some(Err(SignInError::Provider(fault.clone()))),
            (None, None) => None,
        }
    }

    fn read_known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn discover(&self) -> Result<Metadata, String> {
        let issuer = self.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let text = fetch(&self.http, &url).await?;
        let metadata: Metadata = serde_json::from_str(&text)
            .map_err(|error| format!("{url} is no metadata of a provider: {error}"))?;
        if metadata.issuer != self.issuer {
            return Err(format!("{url} states another issuer"));
        }
        let is_safe = [&metadata.authorization_endpoint, &metadata.token_endpoint];
        if is_safe.into_iter().all(|endpoint| is_safe_url(endpoint)) {
            Ok(metadata)
        } else {
            Err(format!("{url} names an endpoint without TLS"))
        }
    }
}

/// Percent-encodes all but what no form encodes.
fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_secret_gives_differs_by_use_and_by_secret() {
        let (one, other) = (SignInSecret::new().unwrap(), SignInSecret::new().unwrap());
        assert_eq!(one.give("state"), SignInSecret::of_cookie(one.reveal()).give("state"));
        assert_ne!(one.give("state"), one.give("nonce"));
        assert_ne!(one.give("state"), other.give("state"));
        assert_eq!(one.give("verifier").len(), 43);
    }

    #[test]
    fn credentials_are_encoded_as_forms_are() {
        assert_eq!(form_encoded("a:b c+ü"), "a%3Ab%20c%2B%C3%BC");
    }
}
