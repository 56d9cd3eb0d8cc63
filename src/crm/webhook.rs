//! Any other CRM, by a contract of our own that the bank's receiver keeps (docs/crm-adapters.md):
//! `PUT {url}/leads/{lead}` with a revision, signed as Standard Webhooks asks. The same request
//! sent again is the same lead, so a request without an answer is simply sent again.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Serialize;

use super::login::Login;
use super::mapping::{Mapping, Targets, Value};
use super::standard_webhook::{ID, SIGNATURE, SharedSecret, TIMESTAMP};
use super::wire::{self, Answered, Unanswered};
use super::{CrmError, CrmId, CrmSetupError, Lead, LeadTask, Withdrawal};
use crate::clock;
use crate::ids::ReferralId;
use crate::settings::CrmWebhookSettings;

/// A client of the bank's receiver.
pub struct Webhook {
    url: String,
    http: Client,
    time_out: Duration,
    mapping: Mapping,
    secret: SharedSecret,
    login: Option<Login>,
}

pub(super) const BUILT_IN: &str = include_str!("mapping/webhook.toml");

pub(super) const TARGETS: Targets = Targets {
    kind: "webhook",
    required: &[],
    known: &[],
    reserved: &["lead", "revision", "state", "task"],
    of_task: &[],
};

#[derive(Serialize)]
struct Body<'a> {
    lead: String,
    revision: i64,
    /// `live`, or `withdrawn`.
    state: &'static str,
    #[serde(flatten)]
    fields: BTreeMap<&'a str, Value>,
}

#[derive(Serialize)]
struct TaskBody<'a> {
    task: String,
    lead: String,
    revision: i64,
    /// `open`, `done` or `cancelled`.
    state: &'static str,
    #[serde(flatten)]
    fields: BTreeMap<&'a str, Value>,
}

impl Webhook {
    /// # Errors
    /// [`CrmSetupError`] if the secret is not valid.
    pub fn new(
        settings: CrmWebhookSettings,
        mapping: Mapping,
        time_out: Duration,
    ) -> Result<Self, CrmSetupError> {
        let secret = SharedSecret::read(&settings.secret);
        let http = wire::client(time_out)?;
        let login = settings.login.map(|login| Login::new(login, http.clone())).transpose()?;
        Ok(Self {
            url: settings.url.trim_end_matches('/').to_owned(),
            http,
            time_out,
            mapping,
            secret: secret.ok_or(CrmSetupError::Secret(
                "crm.secret: expected whsec_ and base64 of 24 to 64 bytes",
            ))?,
            login,
        })
    }

    /// Puts the lead; returns the receiver's id of it.
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        let fields = self.mapping.apply(lead);
        let body =
            Body { lead: lead.id.to_string(), revision: lead.revision, state: "live", fields };
        self.put(lead.id, &body).await
    }

    /// Puts the lead without the person's data.
    pub async fn withdraw(&self, withdrawal: &Withdrawal) -> Result<CrmId, CrmError> {
        let constants = self.mapping.withdrawal().iter();
        let fields = constants.map(|(name, value)| (name.as_str(), value.clone())).collect();
        let (lead, revision) = (withdrawal.lead.to_string(), withdrawal.revision);
        let body = Body { lead, revision, state: "withdrawn", fields };
        self.put(withdrawal.lead, &body).await
    }

    /// Puts a task of a lead; returns the receiver's id of it.
    pub async fn tell_task(&self, task: &LeadTask) -> Result<Option<CrmId>, CrmError> {
        let Some(mapping) = self.mapping.task() else { return Ok(None) };
        let body = TaskBody {
            task: task.id.to_string(),
            lead: task.lead.to_string(),
            revision: task.revision,
            state: task.state.name(),
            fields: mapping.apply(task),
        };
        let bytes = serde_json::to_vec(&body)
            .map_err(|_error| CrmError::Refused("a task that is no JSON".to_owned()))?;
        let (place, message) = (format!("tasks/{}", body.task), format!("task-{}", body.task));
        let message = format!("{message}-{}", body.revision);
        self.put_bytes(&place, &message, &body.task, bytes).await.map(Some)
    }

    async fn put(&self, lead: ReferralId, body: &Body<'_>) -> Result<CrmId, CrmError> {
        let bytes = serde_json::to_vec(body)
            .map_err(|_error| CrmError::Refused("a lead that is no JSON".to_owned()))?;
        // The id is the same for every attempt, so the receiver knows a repetition.
        let id = format!("lead-{lead}-{}", body.revision);
        let own = lead.to_string();
        self.put_bytes(&format!("leads/{own}"), &id, &own, bytes).await
    }

    /// Puts a document under our own id; returns the receiver's id of it.
    async fn put_bytes(
        &self,
        place: &str,
        message: &str,
        own: &str,
        bytes: Vec<u8>,
    ) -> Result<CrmId, CrmError> {
        let sent = self.send(place, message, bytes);
        match tokio::time::timeout(self.time_out.saturating_mul(2), sent).await {
            Ok(answered) => told(own, &answered?),
            Err(_elapsed) => Err(CrmError::Unavailable("no answer".to_owned())),
        }
    }

    async fn send(&self, place: &str, id: &str, body: Vec<u8>) -> Result<Answered, CrmError> {
        let mut refused = None;
        loop {
            let now = clock::now();
            let mut request = self
                .http
                .put(format!("{}/{place}", self.url))
                .header("content-type", "application/json")
                .header(ID, id)
                .header(TIMESTAMP, now.unix_seconds())
                .header(SIGNATURE, self.secret.sign(id, now, &body))
                .body(body.clone());
            let shown = match &self.login {
                Some(login) => Some((login.renews(), login.show(refused.as_ref()).await?)),
                None => None,
            };
            if let Some((_renews, shown)) = &shown {
                request = shown.on(request);
            }
            let answered = wire::send(request).await.map_err(Unanswered::repeatable)?;
            match shown {
                Some((true, shown))
                    if answered.status == StatusCode::UNAUTHORIZED && refused.is_none() =>
                {
                    refused = Some(shown);
                }
                _ => return Ok(answered),
            }
        }
    }
}

fn told(own: &str, answered: &Answered) -> Result<CrmId, CrmError> {
    if let Some(trouble) = answered.trouble() {
        return Err(trouble);
    }
    match answered.status {
        // 409: the receiver has a later revision, so nothing is left to do.
        StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT | StatusCode::CONFLICT => {
            let answer = answered.json();
            let id = answer.as_ref().and_then(|answer| answer.get("id")?.as_str());
            Ok(CrmId(id.unwrap_or(own).to_owned()))
        }
        status => Err(CrmError::Refused(format!("status {}", status.as_str()))),
    }
}
