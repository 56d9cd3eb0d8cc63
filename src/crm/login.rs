//! How we log in to a CRM: by an API key, a name and password, or a token fetched by OAuth 2.0
//! client credentials (RFC 6749, section 4.4). A token is renewed before it ends, or when it is
//! refused.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::sync::Mutex;

use super::wire::{self, unexpected};
use super::{CrmError, CrmSetupError};
use crate::settings::LoginSettings;

pub(super) struct Login {
    settings: LoginSettings,
    http: Client,
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    until: Instant,
}

/// The credentials to send, and what to call them when they are refused.
pub(super) struct Shown {
    name: HeaderName,
    value: HeaderValue,
}

/// A token without `expires_in` is used this long. A server that ends it earlier answers 401.
const TOKEN_LIFE: Duration = Duration::from_secs(900);
/// A token is renewed this long before its end, so that it does not end during a request.
const EARLY: Duration = Duration::from_secs(30);

impl Login {
    /// # Errors
    /// [`CrmSetupError`] if the header name is not valid.
    pub(super) fn new(settings: LoginSettings, http: Client) -> Result<Self, CrmSetupError> {
        if let LoginSettings::ApiKey { header, .. } = &settings
            && HeaderName::from_bytes(header.as_bytes()).is_err()
        {
            return Err(CrmSetupError::Secret("crm.login.header is not a header's name"));
        }
        Ok(Self { settings, http, token: Mutex::new(None) })
    }

    /// The credentials to send now; never the ones that were refused.
    ///
    /// # Errors
    /// [`CrmError`] if no token can be fetched.
    pub(super) async fn show(&self, refused: Option<&Shown>) -> Result<Shown, CrmError> {
        match &self.settings {
            LoginSettings::ApiKey { header, key } => {
                let name = HeaderName::from_bytes(header.as_bytes());
                Ok(Shown {
                    name: name.map_err(|_unnamed| CrmError::Credentials)?,
                    value: sensitive(key.reveal())?,
                })
            }
            LoginSettings::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
                Ok(Shown { name: AUTHORIZATION, value: sensitive(&format!("Basic {pair}"))? })
            }
            LoginSettings::ClientCredentials { .. } => {
                let mut kept = self.token.lock().await;
                let now = Instant::now();
                if let Some(token) = &*kept
                    && token.until > now
                    && refused.is_none_or(|refused| refused.value != token.header)
                {
                    return Ok(Shown { name: AUTHORIZATION, value: token.header.clone() });
                }
                let token = self.fetch().await?;
                *kept = Some(token.clone());
                Ok(Shown { name: AUTHORIZATION, value: token.header })
            }
        }
    }

    /// Whether a refusal can be answered with other credentials.
    pub(super) const fn renews(&self) -> bool {
        matches!(self.settings, LoginSettings::ClientCredentials { .. })
    }

    async fn fetch(&self) -> Result<Token, CrmError> {
        let LoginSettings::ClientCredentials { token_url, client_id, client_secret, scope } =
            &self.settings
        else {
            return Err(CrmError::Credentials);
        };
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = scope {
            form.push(("scope", scope));
        }
        let request = self
            .http
            .post(token_url)
            .basic_auth(client_id, Some(client_secret.reveal()))
            .form(&form);
        let answered = wire::send(request).await.map_err(wire::Unanswered::repeatable)?;
        match answered.status {
            StatusCode::OK => {}
            // RFC 6749, section 5.2: 400 and 401 say that the client or the grant is refused.
            StatusCode::BAD_REQUEST => return Err(CrmError::Credentials),
            status => {
                let strange = || CrmError::Unavailable(format!("status {}", status.as_str()));
                return Err(answered.trouble().unwrap_or_else(strange));
            }
        }
        let answer = answered.json().ok_or_else(unexpected)?;
        let token = answer.get("access_token").and_then(serde_json::Value::as_str);
        let header = sensitive(&format!("Bearer {}", token.ok_or_else(unexpected)?))?;
        let life = answer.get("expires_in").and_then(serde_json::Value::as_u64);
        let life = life.map_or(TOKEN_LIFE, Duration::from_secs);
        Ok(Token { header, until: Instant::now() + life.saturating_sub(EARLY) })
    }
}

impl Shown {
    pub(super) fn on(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(self.name.clone(), self.value.clone())
    }
}

fn sensitive(text: &str) -> Result<HeaderValue, CrmError> {
    let mut value = HeaderValue::from_str(text).map_err(|_not_a_header| CrmError::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}
