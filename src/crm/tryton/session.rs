//! Logging in, calling methods, and what an answer means.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::{PAGE, Tryton, id_of};
use crate::crm::CrmError;
use crate::crm::wire::{self, Unanswered, unexpected};

/// How long to wait before each repetition of a read.
const LOOK_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// A session of Tryton, and what Tryton told us about our user.
#[derive(Clone)]
pub(super) struct Session {
    authorization: String,
    /// The user's company and employee: a new lead belongs to both.
    pub company: Value,
    pub employee: Value,
    /// Tryton's ids of its currencies, by their codes.
    pub currencies: HashMap<String, i64>,
}

impl Tryton {
    /// Reads records in the order in which they were made, archived ones too.
    pub(super) async fn search(
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

    /// The same, repeated a little later if no answer comes: a read changes nothing, and many leads
    /// may depend on it.
    pub(super) async fn look(
        &self,
        model: &str,
        domain: Value,
        fields: &[&str],
    ) -> Result<Vec<Value>, CrmError> {
        for wait in LOOK_AGAIN_AFTER {
            match self.search(model, domain.clone(), PAGE, fields).await {
                Err(CrmError::Unavailable(_)) => tokio::time::sleep(wait).await,
                outcome => return outcome,
            }
        }
        self.search(model, domain, PAGE, fields).await
    }

    /// Calls a method; once more with a new login if the session has ended.
    pub(super) async fn call(
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

    /// The current session, unless it is the one that has ended. The lock is held during the login,
    /// so leads that are delivered together log in once: Tryton counts attempts and blocks us after
    /// too many.
    pub(super) async fn session(&self, ended: Option<&str>) -> Result<Session, CrmError> {
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
        let answered = match wire::send(request).await {
            Ok(answered) => answered,
            Err(unanswered @ Unanswered::NoConnection) => return Err(unanswered.repeatable()),
            Err(Unanswered::Lost(what)) => return Err(self.unanswered(method, what)),
        };
        match answered.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(CrmError::Credentials),
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(CrmError::RateLimited { retry_after: answered.retry_after() });
            }
            // Tryton, or a proxy before it, gave up on a request that may have been carried out.
            status if status.is_server_error() => {
                return Err(self.unanswered(method, status.as_str()));
            }
            status => return Err(CrmError::Unavailable(format!("status {}", status.as_str()))),
        }
        let Some(mut answer) = answered.json() else {
            return Err(self.unanswered(method, "half an answer, or one too long"));
        };
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(refused(method, answer.get("error"))),
        }
    }

    /// What a request without a known outcome means. A write may be repeated, because it names the
    /// version of the record that it is for.
    fn unanswered(&self, method: &str, what: &str) -> CrmError {
        if method.ends_with(".create") {
            self.ambiguous()
        } else {
            CrmError::Unavailable(what.to_owned())
        }
    }

    pub(super) const fn ambiguous(&self) -> CrmError {
        CrmError::Ambiguous { look_after: self.time_out }
    }
}

/// An error in an answer of status 200 is `[kind, …]`. Only the kind is kept: the text after it may
/// name the person.
fn refused(method: &str, error: Option<&Value>) -> CrmError {
    let kind = error.and_then(|error| error.get(0)).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "UserError" | "UserWarning" => CrmError::Refused(format!("{kind} at {method}")),
        "LoginException" => CrmError::Credentials,
        "ConcurrencyException" => CrmError::Unavailable(kind.to_owned()),
        _ => CrmError::Unavailable("an internal error of the CRM".to_owned()),
    }
}
