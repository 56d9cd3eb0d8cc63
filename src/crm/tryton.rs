//! Tryton 8.2 with its `sale_opportunity` module, over JSON-RPC (`POST /<database>/rpc/`). Nothing
//! in it is idempotent, so it is asked for our id before anything is made: the party carries it in
//! its `code`, which Tryton holds unique, and the opportunity in its `reference`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::RwLock;

use super::{CrmError, CrmId, Lead};
use crate::settings::Secret;

/// Where Tryton is and who we are there.
#[derive(Clone, Debug)]
pub struct TrytonLogin {
    pub url: String,
    pub database: String,
    pub user: String,
    pub password: Secret,
}

/// A client of one Tryton database.
pub struct Tryton {
    login: TrytonLogin,
    http: reqwest::Client,
    session: RwLock<Option<Session>>,
}

/// A login that Tryton remembers, and what it told us of ourselves.
#[derive(Clone)]
struct Session {
    authorization: String,
    /// The user's company and employee: a lead belongs to the one and starts with the other.
    company: Value,
    employee: Value,
}

const CONNECT_TIME_OUT: Duration = Duration::from_secs(5);

impl Tryton {
    /// # Errors
    /// [`CrmError::Unavailable`] when no HTTP client can be made.
    pub fn new(login: TrytonLogin, time_out: Duration) -> Result<Self, CrmError> {
        let http = reqwest::Client::builder()
            .timeout(time_out)
            .connect_timeout(CONNECT_TIME_OUT)
            .build()
            .map_err(|_error| CrmError::Unavailable("no HTTP client".to_owned()))?;
        Ok(Self { login, http, session: RwLock::new(None) })
    }

    /// Makes the lead as a party and an opportunity, whatever of it is not there yet.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        if let Some(known) = self.find(&lead.id.to_string()).await? {
            return Ok(known);
        }
        let party = match self.find_party(lead).await? {
            Some(party) => party,
            None => self.create_party(lead).await?,
        };
        self.create_opportunity(lead, &party).await
    }

    /// The opportunity with this reference, which is our id of the lead.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn find(&self, reference: &str) -> Result<Option<CrmId>, CrmError> {
        let found = self
            .call("model.sale.opportunity.search_read", |_session| {
                json!([[["reference", "=", reference]], 0, 1, null, ["id"], {}])
            })
            .await?;
        Ok(first_id(&found).map(|id| CrmId(id.to_string())))
    }

    /// Every opportunity that has a reference: `(reference, id)`.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn references(&self) -> Result<Vec<(String, CrmId)>, CrmError> {
        let found = self
            .call("model.sale.opportunity.search_read", |_session| {
                json!([[["reference", "!=", null]], 0, null, null, ["id", "reference"], {}])
            })
            .await?;
        let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter()
            .map(|row| {
                let reference = row.get("reference").and_then(Value::as_str);
                let id = row.get("id").and_then(Value::as_i64);
                match (reference, id) {
                    (Some(reference), Some(id)) => {
                        Ok((reference.to_owned(), CrmId(id.to_string())))
                    }
                    _ => Err(unexpected()),
                }
            })
            .collect()
    }

    async fn find_party(&self, lead: &Lead) -> Result<Option<Value>, CrmError> {
        let found = self
            .call("model.party.party.search_read", |_session| {
                json!([[["code", "=", party_code(lead)]], 0, 1, null, ["id"], {}])
            })
            .await?;
        Ok(first_id(&found).cloned())
    }

    async fn create_party(&self, lead: &Lead) -> Result<Value, CrmError> {
        let contact = &lead.contact;
        let mut mechanisms = vec![json!({ "type": "mobile", "value": contact.phone })];
        if let Some(email) = &contact.email {
            mechanisms.push(json!({ "type": "email", "value": email }));
        }
        let party = json!({
            "name": contact.name,
            "code": party_code(lead),
            "contact_mechanisms": [["create", mechanisms]],
        });
        let made = self.call("model.party.party.create", |_session| json!([[party], {}])).await?;
        made.get(0).cloned().ok_or_else(unexpected)
    }

    async fn create_opportunity(&self, lead: &Lead, party: &Value) -> Result<CrmId, CrmError> {
        let amount = json!({ "__class__": "Decimal", "decimal": lead.amount.to_string() });
        let made = self
            .call("model.sale.opportunity.create", |session| {
                let opportunity = json!({
                    "party": party,
                    "company": session.company,
                    "employee": session.employee,
                    "reference": lead.id.to_string(),
                    "description": format!("{}: {}", lead.partner_name, lead.product),
                    "amount": amount,
                    "comment": comment(lead),
                });
                json!([[opportunity], { "company": session.company }])
            })
            .await?;
        let id = made.get(0).ok_or_else(unexpected)?;
        Ok(CrmId(id.to_string()))
    }

    /// Calls a method, logging in first where needed and once more when the session has ended.
    async fn call(
        &self,
        method: &str,
        parameters: impl Fn(&Session) -> Value,
    ) -> Result<Value, CrmError> {
        // Not in the match itself: it would hold the lock while logging in waits for it.
        let remembered = self.session.read().await.clone();
        let session = match remembered {
            Some(session) => session,
            None => self.log_in().await?,
        };
        let first = self.post(method, &parameters(&session), Some(&session.authorization)).await;
        if first != Err(CrmError::Credentials) {
            return first;
        }
        let session = self.log_in().await?;
        self.post(method, &parameters(&session), Some(&session.authorization)).await
    }

    async fn log_in(&self) -> Result<Session, CrmError> {
        let (user, password) = (&self.login.user, self.login.password.reveal());
        let parameters = json!([user, { "password": password }, "en"]);
        let answer = self.post("common.db.login", &parameters, None).await?;
        let (Some(id), Some(token)) = (answer.get(0), answer.get(1).and_then(Value::as_str)) else {
            return Err(CrmError::Credentials);
        };
        let authorization = format!("Session {}", STANDARD.encode(format!("{user}:{id}:{token}")));
        let preferences = self
            .post("model.res.user.get_preferences", &json!([true, {}]), Some(&authorization))
            .await?;
        let preference = |name: &str| preferences.get(name).cloned().unwrap_or_default();
        let (company, employee) = (preference("company"), preference("employee"));
        let session = Session { authorization, company, employee };
        *self.session.write().await = Some(session.clone());
        Ok(session)
    }

    async fn post(
        &self,
        method: &str,
        parameters: &Value,
        authorization: Option<&str>,
    ) -> Result<Value, CrmError> {
        let url = format!("{}/{}/rpc/", self.login.url, self.login.database);
        let body = json!({ "id": 1, "method": method, "params": parameters });
        let mut request = self.http.post(url).json(&body);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(|error| network(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(CrmError::Credentials),
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok());
                let retry_after = wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs);
                return Err(CrmError::RateLimited { retry_after });
            }
            other => return Err(CrmError::Unavailable(format!("status {}", other.as_u16()))),
        }
        let mut answer: Value = response.json().await.map_err(|error| network(&error))?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(refused(answer.get("error"))),
        }
    }
}

/// An error in an answer of status 200 is `[kind, …]`. Only the kind is kept: the words behind it
/// may name the person.
fn refused(error: Option<&Value>) -> CrmError {
    let kind = error.and_then(|error| error.get(0)).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "UserError" | "UserWarning" => CrmError::Refused(kind.to_owned()),
        "ConcurrencyException" => CrmError::Unavailable(kind.to_owned()),
        _ => CrmError::Unavailable("an internal error of the CRM".to_owned()),
    }
}

fn network(error: &reqwest::Error) -> CrmError {
    if error.is_connect() {
        CrmError::Unavailable("no connection".to_owned())
    } else {
        // It was sent, wholly or in part, and may have been done.
        CrmError::Ambiguous
    }
}

fn unexpected() -> CrmError {
    CrmError::Unavailable("an answer of unexpected form".to_owned())
}

fn first_id(rows: &Value) -> Option<&Value> {
    rows.get(0)?.get("id")
}

fn party_code(lead: &Lead) -> String {
    format!("TS-{}", lead.id)
}

/// What a customer manager should know, in plain text.
fn comment(lead: &Lead) -> String {
    let reasons = lead.reasons.join(" ");
    format!(
        "Referred by {} ({}) on {}.\nProduct: {}. Region: {}.\n{reasons}\nConsent {}: {}; text \
         {}, given {}.",
        lead.partner_name,
        lead.partner,
        lead.created_at,
        lead.product,
        lead.region,
        lead.consent,
        lead.consent_purpose,
        lead.consent_text_version,
        lead.consent_given_at,
    )
}
