//! Tryton 8.2 with its `sale_opportunity` module, over JSON-RPC (`POST /<database>/rpc/`). Nothing
//! in it is idempotent, so it is asked for our id before anything is made: the party carries it in
//! its `code`, which Tryton holds unique, and the opportunity in its `reference`, which it does not:
//! a request to make one that was not answered must have ended before anybody asks again.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tracing::{Instrument, debug_span};

use super::{CrmError, CrmId, Lead};
use crate::clock::Moment;
use crate::ids::ReferralId;
use crate::settings::Secret;
use crate::telemetry::traces;

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
    time_out: Duration,
    session: Mutex<Option<Session>>,
}

/// A login that Tryton remembers, and what it told us of ourselves.
#[derive(Clone)]
struct Session {
    authorization: String,
    /// The user's company and employee: a lead belongs to the one and starts with the other.
    company: Value,
    employee: Value,
    /// Tryton's ids of the currencies it knows, by their codes.
    currencies: HashMap<String, i64>,
}

const CONNECT_TIME_OUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read: many times a page of references.
const ANSWER_MAX: usize = 1 << 20;
/// Records asked for at once; Tryton itself refuses more than 1,000 by default.
const PAGE: usize = 500;

impl Tryton {
    /// # Errors
    /// [`CrmError::Unavailable`] when no HTTP client can be made.
    pub fn new(login: TrytonLogin, time_out: Duration) -> Result<Self, CrmError> {
        let http = reqwest::Client::builder()
            .timeout(time_out)
            .connect_timeout(CONNECT_TIME_OUT)
            // What we send is personal: it goes where the settings say and nowhere else.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|_error| CrmError::Unavailable("no HTTP client".to_owned()))?;
        Ok(Self { login, http, time_out, session: Mutex::new(None) })
    }

    /// Makes the lead as a party and an opportunity, whatever of it is not there yet, in at most
    /// twice the time-out.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        let delivery = Box::pin(self.find_or_create(lead));
        match tokio::time::timeout(self.time_out.saturating_mul(2), delivery).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(self.ambiguous()),
        }
    }

    async fn find_or_create(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        if let Some(known) = self.find(&lead.id.to_string()).await? {
            return Ok(known);
        }
        let party = match self.find_party(lead).await? {
            Some(party) => party,
            None => self.create_party(lead).await?,
        };
        self.create_opportunity(lead, party).await
    }

    /// The opportunity with this reference, which is our id of the lead. The first one, should
    /// somebody have copied it.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn find(&self, reference: &str) -> Result<Option<CrmId>, CrmError> {
        let domain = json!([["reference", "=", reference]]);
        let found = self.search("sale.opportunity", domain, 1, &["id"]).await?;
        Ok(found.first().and_then(id_of).map(|id| CrmId(id.to_string())))
    }

    /// Writes into the opportunity's comment that nobody may be called any more.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn withdraw_consent(
        &self,
        lead: ReferralId,
        at: Moment,
    ) -> Result<Option<CrmId>, CrmError> {
        let domain = json!([["reference", "=", lead.to_string()]]);
        let found = self.search("sale.opportunity", domain, 1, &["id", "comment"]).await?;
        let Some(opportunity) = found.first() else { return Ok(None) };
        let id = id_of(opportunity).ok_or_else(unexpected)?;
        let comment = opportunity.get("comment").and_then(Value::as_str).unwrap_or_default();
        let told = format!("Consent withdrawn on {at}: do not call.");
        if !comment.contains(&told) {
            let comment = format!("{told}\n{comment}");
            let values = json!({ "comment": comment });
            self.call("model.sale.opportunity.write", |_session| json!([[id], values, {}])).await?;
        }
        Ok(Some(CrmId(id.to_string())))
    }

    /// Every opportunity that has a reference: `(reference, id)`, oldest first.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn references(&self) -> Result<Vec<(String, CrmId)>, CrmError> {
        let mut all = Vec::new();
        let mut last = 0;
        loop {
            let domain = json!([["reference", "!=", null], ["id", ">", last]]);
            let page = self.search("sale.opportunity", domain, PAGE, &["id", "reference"]).await?;
            for row in &page {
                let reference = row.get("reference").and_then(Value::as_str);
                let (Some(reference), Some(id)) = (reference, id_of(row)) else {
                    return Err(unexpected());
                };
                last = id;
                all.push((reference.to_owned(), CrmId(id.to_string())));
            }
            if page.len() < PAGE {
                return Ok(all);
            }
        }
    }

    /// The lead's party, or the one that staff have since merged it into.
    async fn find_party(&self, lead: &Lead) -> Result<Option<i64>, CrmError> {
        let domain = json!([["code", "=", party_code(lead)]]);
        let found = self.search("party.party", domain, 1, &["id", "replaced_by"]).await?;
        let Some(party) = found.first() else { return Ok(None) };
        Ok(party.get("replaced_by").and_then(Value::as_i64).or_else(|| id_of(party)))
    }

    async fn create_party(&self, lead: &Lead) -> Result<i64, CrmError> {
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
        let made = self.call("model.party.party.create", |_session| json!([[party], {}])).await;
        match made {
            Ok(made) => made.get(0).and_then(Value::as_i64).ok_or_else(unexpected),
            // An earlier request of ours may have made it just now: the code is unique.
            Err(CrmError::Refused(why)) => {
                self.find_party(lead).await?.ok_or(CrmError::Refused(why))
            }
            Err(error) => Err(error),
        }
    }

    async fn create_opportunity(&self, lead: &Lead, party: i64) -> Result<CrmId, CrmError> {
        let code = lead.amount.asset().code();
        let session = self.session(None).await?;
        let Some(currency) = session.currencies.get(code) else {
            return Err(CrmError::Refused(format!("it has no currency {code}")));
        };
        let amount = json!({ "__class__": "Decimal", "decimal": lead.amount.to_string() });
        let made = self
            .call("model.sale.opportunity.create", |session| {
                let opportunity = json!({
                    "party": party,
                    "company": session.company,
                    "employee": session.employee,
                    "reference": lead.id.to_string(),
                    "description": format!("{}: {}", lead.partner_name, lead.product),
                    "currency": currency,
                    "amount": amount,
                    "comment": comment(lead),
                });
                json!([[opportunity], { "company": session.company }])
            })
            .await?;
        let id = made.get(0).and_then(Value::as_i64).ok_or_else(unexpected)?;
        Ok(CrmId(id.to_string()))
    }

    /// Records in the order in which they were made, the archived among them.
    async fn search(
        &self,
        model: &str,
        domain: Value,
        rows_max: usize,
        fields: &[&str],
    ) -> Result<Vec<Value>, CrmError> {
        let method = format!("model.{model}.search_read");
        let parameters =
            json!([domain, 0, rows_max, [["id", "ASC"]], fields, { "active_test": false }]);
        match self.call(&method, |_session| parameters.clone()).await? {
            Value::Array(rows) => Ok(rows),
            _ => Err(unexpected()),
        }
    }

    /// Calls a method, once more with a new login when the session has ended.
    async fn call(
        &self,
        method: &str,
        parameters: impl Fn(&Session) -> Value,
    ) -> Result<Value, CrmError> {
        let session = self.session(None).await?;
        let first = self.post(method, &parameters(&session), Some(&session.authorization)).await;
        if first != Err(CrmError::Credentials) {
            return first;
        }
        let session = self.session(Some(&session.authorization)).await?;
        self.post(method, &parameters(&session), Some(&session.authorization)).await
    }

    /// The session at hand, unless it is the one that has ended. Logging in keeps the lock, so that
    /// leads that are delivered together log in once: Tryton counts attempts and shuts its door.
    async fn session(&self, ended: Option<&str>) -> Result<Session, CrmError> {
        let mut kept = self.session.lock().await;
        match &*kept {
            Some(session) if ended != Some(&session.authorization) => Ok(session.clone()),
            _ => {
                let session = self.log_in().await?;
                *kept = Some(session.clone());
                Ok(session)
            }
        }
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
        let parameters = json!([[], 0, PAGE, null, ["id", "code"], {}]);
        let found = self
            .post("model.currency.currency.search_read", &parameters, Some(&authorization))
            .await?;
        let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
        let currencies = rows
            .iter()
            .filter_map(|row| Some((row.get("code")?.as_str()?.to_owned(), id_of(row)?)))
            .collect();
        Ok(Session { authorization, company, employee, currencies })
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
        let span = debug_span!("crm", otel.kind = "client", method);
        if let Some(place) = traces::place(&span) {
            request = request.header("traceparent", place.to_string());
        }
        let response = match request.send().instrument(span).await {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                return Err(CrmError::Unavailable("no connection".to_owned()));
            }
            Err(_error) => return Err(self.unanswered(method, "no answer")),
        };
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(CrmError::Credentials),
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(CrmError::RateLimited { retry_after: retry_after(&response) });
            }
            // It, or a proxy before it, gave up on something that may have been done.
            status if status.is_server_error() => {
                return Err(self.unanswered(method, status.as_str()));
            }
            status => return Err(CrmError::Unavailable(format!("status {}", status.as_str()))),
        }
        let answer = read_bounded(response).await;
        let Some(mut answer) = answer else {
            return Err(self.unanswered(method, "half an answer, or one too long"));
        };
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(refused(method, answer.get("error"))),
        }
    }

    /// What it means that a request came to nothing that we know of.
    fn unanswered(&self, method: &str, what: &str) -> CrmError {
        if method.ends_with(".create") {
            self.ambiguous()
        } else {
            CrmError::Unavailable(what.to_owned())
        }
    }

    const fn ambiguous(&self) -> CrmError {
        CrmError::Ambiguous { look_after: self.time_out }
    }
}

/// The answer, unless it breaks off, is longer than we read, or is not JSON.
async fn read_bounded(mut response: Response) -> Option<Value> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(part)) if body.len().saturating_add(part.len()) <= ANSWER_MAX => {
                body.extend_from_slice(&part);
            }
            Ok(None) => return serde_json::from_slice(&body).ok(),
            Ok(Some(_)) | Err(_) => return None,
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An error in an answer of status 200 is `[kind, …]`. Only the kind is kept: the words behind it
/// may name the person.
fn refused(method: &str, error: Option<&Value>) -> CrmError {
    let kind = error.and_then(|error| error.get(0)).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "UserError" | "UserWarning" => CrmError::Refused(format!("{kind} at {method}")),
        "LoginException" => CrmError::Credentials,
        "ConcurrencyException" => CrmError::Unavailable(kind.to_owned()),
        _ => CrmError::Unavailable("an internal error of the CRM".to_owned()),
    }
}

fn unexpected() -> CrmError {
    CrmError::Unavailable("an answer of unexpected form".to_owned())
}

fn id_of(row: &Value) -> Option<i64> {
    row.get("id")?.as_i64()
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
