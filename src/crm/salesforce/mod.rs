//! Salesforce over its REST API: a Lead is upserted by an external id of ours, one by one or up to
//! 200 in a collection. An upsert may be sent again, so no outcome is ambiguous. A validation rule
//! over the revision field in the bank's org keeps older writes out (docs/crm-adapters.md); this
//! client reads its refusal as "Salesforce has a later revision".

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::clock::Moment;
use crate::crm::login::Login;
use crate::crm::mapping::{Mapping, MappingError, Targets, Value};
use crate::crm::wire::{self, Answered, Unanswered, unexpected};
use crate::crm::{Change, Changes, CrmError, CrmId, CrmSetupError, Lead, Watermark, Withdrawal};
use crate::ids::ReferralId;
use crate::settings::{LoginSettings, SalesforceSettings};

mod refusal;
mod task;

use refusal::Refusal;

/// A client of one Salesforce org.
pub struct Salesforce {
    settings: SalesforceSettings,
    http: Client,
    time_out: Duration,
    mapping: Mapping,
    login: Login,
    /// Whether the org's request allowance for the day is nearly used up.
    near_limit: AtomicBool,
}

/// Salesforce takes at most this many records in one collection.
pub(super) const BATCH_MAX: usize = 200;
const PAGE: usize = 200;
/// The allowance counts over 24 hours, so a short wait does not help.
const LIMIT_WAIT: Duration = Duration::from_secs(300);

pub(super) const BUILT_IN: &str = include_str!("../mapping/salesforce.toml");

pub(super) const TARGETS: Targets = Targets {
    kind: "salesforce",
    required: &["LastName", "Company"],
    known: &[],
    // The default names of our two fields; the id of a record is never set.
    reserved: &["Id", "attributes", "Tallystick_Id__c", "Tallystick_Revision__c"],
    of_task: &[],
};

impl Salesforce {
    /// # Errors
    /// [`CrmSetupError`] when the settings cannot be used.
    pub fn new(
        mut settings: SalesforceSettings,
        mapping: Mapping,
        time_out: Duration,
    ) -> Result<Self, CrmSetupError> {
        settings.url = settings.url.trim_end_matches('/').to_owned();
        for own in [&settings.external_id, &settings.revision_field] {
            if mapping.names(own) {
                return Err(MappingError::Reserved(own.clone()).into());
            }
        }
        let http = wire::client(time_out)?;
        let login = LoginSettings::ClientCredentials {
            token_url: format!("{}/services/oauth2/token", settings.url),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            scope: None,
        };
        let login = Login::new(login, http.clone())?;
        Ok(Self { settings, http, time_out, mapping, login, near_limit: AtomicBool::new(false) })
    }

    /// Upserts one lead.
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        self.within(async {
            let answered =
                self.ask(Method::PATCH, &self.record(lead.id), Some(&self.body(lead))).await?;
            match answered.status {
                StatusCode::OK | StatusCode::CREATED => {
                    let answer = answered.json().ok_or_else(unexpected)?;
                    id_in(&answer).ok_or_else(unexpected)
                }
                StatusCode::NO_CONTENT => self.find(lead.id).await?.ok_or_else(unexpected),
                _ => self.settle(lead.id, &Refusal::of(&answered)?).await,
            }
        })
        .await
    }

    /// Upserts many leads, each for itself: one that is refused does not stop the others.
    pub async fn deliver_all(&self, leads: &[Lead]) -> Vec<Result<CrmId, CrmError>> {
        if let [lead] = leads {
            return vec![self.deliver(lead).await];
        }
        let mut outcomes = Vec::new();
        for group in leads.chunks(BATCH_MAX) {
            match self.within(self.upsert(group)).await {
                Ok(each) => outcomes.extend(each),
                Err(error) => outcomes.extend(group.iter().map(|_lead| Err(error.clone()))),
            }
        }
        outcomes
    }

    async fn upsert(&self, leads: &[Lead]) -> Result<Vec<Result<CrmId, CrmError>>, CrmError> {
        let id_field = &self.settings.external_id;
        let records: Vec<Json> = leads
            .iter()
            .map(|lead| {
                let mut record = json!(self.body(lead));
                if let Some(record) = record.as_object_mut() {
                    record.insert("attributes".to_owned(), json!({ "type": "Lead" }));
                    record.insert(id_field.clone(), json!(lead.id.to_string()));
                }
                record
            })
            .collect();
        let body = json!({ "allOrNone": false, "records": records });
        let path = format!("composite/sobjects/Lead/{id_field}");
        let answered = self.ask(Method::PATCH, &path, Some(&body)).await?;
        if answered.status != StatusCode::OK {
            return Err(Refusal::of(&answered)?.into_error());
        }
        let answer = answered.json().ok_or_else(unexpected)?;
        let results = answer.as_array().filter(|results| results.len() == leads.len());
        let mut outcomes = Vec::new();
        for (lead, result) in leads.iter().zip(results.ok_or_else(unexpected)?) {
            outcomes.push(if result.get("success") == Some(&Json::Bool(true)) {
                id_in(result).ok_or_else(unexpected)
            } else {
                let first = result.get("errors").and_then(|errors| errors.get(0));
                self.settle(lead.id, &Refusal::read(first)).await
            });
        }
        Ok(outcomes)
    }

    /// Tells Salesforce that a consent was withdrawn, on the Lead or on the Contact that it became.
    pub async fn withdraw(&self, withdrawal: &Withdrawal) -> Result<Option<CrmId>, CrmError> {
        self.within(async {
            let mut body: BTreeMap<&str, Value> = self
                .mapping
                .withdrawal()
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone()))
                .collect();
            let revision = Value::Number(withdrawal.revision.to_string());
            body.insert(&self.settings.revision_field, revision);
            let path = format!("{}?updateOnly=true", self.record(withdrawal.lead));
            let answered = self.ask(Method::PATCH, &path, Some(&body)).await?;
            match answered.status {
                StatusCode::OK | StatusCode::NO_CONTENT => self.find(withdrawal.lead).await,
                StatusCode::NOT_FOUND => Ok(None),
                _ => match Refusal::of(&answered)? {
                    Refusal::Converted => self.silence_contact(withdrawal.lead).await.map(Some),
                    other => self.settle(withdrawal.lead, &other).await.map(Some),
                },
            }
        })
        .await
    }

    /// A Lead that became a Contact cannot be changed: the Contact is marked as not to be called.
    async fn silence_contact(&self, lead: ReferralId) -> Result<CrmId, CrmError> {
        let found = self.query(&self.by_id(lead, "Id, ConvertedContactId")).await?;
        let row = found.first().ok_or_else(unexpected)?;
        if let Some(contact) = row.get("ConvertedContactId").and_then(Json::as_str) {
            let body = json!({ "DoNotCall": true, "HasOptedOutOfEmail": true });
            let path = format!("sobjects/Contact/{contact}");
            let answered = self.ask(Method::PATCH, &path, Some(&body)).await?;
            if answered.status != StatusCode::NO_CONTENT {
                return Err(Refusal::of(&answered)?.into_error());
            }
        }
        id_in(row).ok_or_else(unexpected)
    }

    /// Our Leads that were changed since then, earliest change first.
    pub async fn changes(&self, since: &Watermark) -> Result<Changes, CrmError> {
        let id_field = &self.settings.external_id;
        let later = read(since).map(|(at, id)| {
            let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
            format!(" AND (SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{id}'))")
        });
        let soql = format!(
            "SELECT Id, {id_field}, Status, SystemModstamp FROM Lead WHERE {id_field} != null{} \
             ORDER BY SystemModstamp ASC, Id ASC LIMIT {PAGE}",
            later.unwrap_or_default()
        );
        let rows = self.query(&soql).await?;
        let mut watermark = since.clone();
        let mut list = Vec::new();
        for row in &rows {
            let text = |field: &str| row.get(field).and_then(Json::as_str).unwrap_or_default();
            let at = time(text("SystemModstamp")).ok_or_else(unexpected)?;
            watermark = mark(at, text("Id"));
            let lead = text(id_field).parse::<uuid::Uuid>().ok().map(ReferralId::from_uuid);
            if let (Some(lead), Some(stage)) = (lead, self.mapping.stage(text("Status"))) {
                list.push(Change { lead, stage, at: Moment::from(at) });
            }
        }
        Ok(Changes { list, watermark, more: rows.len() == PAGE })
    }

    /// The record with our id.
    pub async fn find(&self, lead: ReferralId) -> Result<Option<CrmId>, CrmError> {
        Ok(self.query(&self.by_id(lead, "Id")).await?.first().and_then(id_in))
    }

    /// What a refusal of one lead means: after some, nothing is left to do.
    async fn settle(&self, lead: ReferralId, refusal: &Refusal) -> Result<CrmId, CrmError> {
        match refusal {
            Refusal::Converted => self.find(lead).await?.ok_or_else(unexpected),
            Refusal::Rule(fields) if fields.contains(&self.settings.revision_field) => {
                self.find(lead).await?.ok_or_else(unexpected)
            }
            other => Err(other.clone().into_error()),
        }
    }

    fn record(&self, lead: ReferralId) -> String {
        format!("sobjects/Lead/{}/{lead}", self.settings.external_id)
    }

    fn by_id(&self, lead: ReferralId, fields: &str) -> String {
        let id_field = &self.settings.external_id;
        format!("SELECT {fields} FROM Lead WHERE {id_field} = '{lead}' LIMIT 1")
    }

    /// The fields of the Lead without the external id: Salesforce refuses a body that names it.
    fn body<'a>(&'a self, lead: &Lead) -> BTreeMap<&'a str, Value> {
        let mut body = self.mapping.apply(lead);
        let revision = Value::Number(lead.revision.to_string());
        body.insert(&self.settings.revision_field, revision);
        body
    }

    async fn query(&self, soql: &str) -> Result<Vec<Json>, CrmError> {
        let query = url_encoded(soql);
        let answered = self.ask::<()>(Method::GET, &format!("query?q={query}"), None).await?;
        if answered.status != StatusCode::OK {
            return Err(Refusal::of(&answered)?.into_error());
        }
        let mut answer = answered.json().ok_or_else(unexpected)?;
        match answer.get_mut("records").map(Json::take) {
            Some(Json::Array(rows)) => Ok(rows),
            _ => Err(unexpected()),
        }
    }

    /// Sends a request; once more with a new token if the token has ended.
    async fn ask<B: serde::Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Answered, CrmError> {
        let url =
            format!("{}/services/data/{}/{path}", self.settings.url, self.settings.api_version);
        let mut refused = None;
        loop {
            let shown = self.login.show(refused.as_ref()).await?;
            let mut request = shown.on(self.http.request(method.clone(), &url));
            if let Some(body) = body {
                request = request.json(body);
            }
            let answered = wire::send(request).await.map_err(Unanswered::repeatable)?;
            self.note_usage(&answered);
            if answered.status == StatusCode::UNAUTHORIZED && refused.is_none() {
                refused = Some(shown);
                continue;
            }
            return Ok(answered);
        }
    }

    /// `Sforce-Limit-Info: api-usage=18/5000`: logs once when nine tenths are used.
    fn note_usage(&self, answered: &Answered) {
        let info = answered.headers.get("sforce-limit-info").and_then(|info| info.to_str().ok());
        let usage = info.and_then(|info| {
            info.split(',').find_map(|part| part.trim().strip_prefix("api-usage="))
        });
        let Some((used, allowed)) = usage.and_then(|usage| usage.split_once('/')) else { return };
        let (Ok(used), Ok(allowed)) = (used.parse::<u64>(), allowed.parse::<u64>()) else { return };
        let near = used.saturating_mul(10) >= allowed.saturating_mul(9);
        if near && !self.near_limit.swap(near, Ordering::Relaxed) {
            tracing::warn!(used, allowed, "Salesforce's allowance of the day is nearly used up");
        }
        self.near_limit.store(near, Ordering::Relaxed);
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, CrmError>>,
    ) -> Result<T, CrmError> {
        match tokio::time::timeout(self.time_out.saturating_mul(2), Box::pin(work)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(CrmError::Unavailable("no answer".to_owned())),
        }
    }
}

/// The watermark set back by a time.
pub(super) fn set_back(watermark: &Watermark, by: TimeDelta) -> Watermark {
    let back = read(watermark).and_then(|(at, _id)| at.checked_sub_signed(by));
    back.map_or_else(Watermark::default, |at| mark(at, ""))
}

fn mark(at: DateTime<Utc>, id: &str) -> Watermark {
    Watermark(format!("{}/{id}", at.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

fn read(watermark: &Watermark) -> Option<(DateTime<Utc>, &str)> {
    let (at, id) = watermark.0.split_once('/')?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then_some((time(at)?, id))
}

/// Salesforce writes `2026-11-24T08:09:10.000+0000`, without the colon that RFC 3339 asks for.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let read = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z");
    Some(read.or_else(|_other| DateTime::parse_from_rfc3339(text)).ok()?.to_utc())
}

fn id_in(record: &Json) -> Option<CrmId> {
    let id = record.get("id").or_else(|| record.get("Id"))?.as_str()?;
    Some(CrmId(id.to_owned()))
}

/// A value in a query: every character that RFC 3986 does not leave unreserved is percent-encoded.
fn url_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
