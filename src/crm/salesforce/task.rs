//! A task about a lead, as a Task of the Lead, or of the Contact that it became, upserted by our
//! id.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::Value as Json;

use super::refusal::Refusal;
use super::{Salesforce, id_in};
use crate::crm::mapping::Value;
use crate::crm::wire::unexpected;
use crate::crm::{CrmError, CrmId, LeadTask};
use crate::ids::TaskId;

impl Salesforce {
    /// Upserts the Task; returns its id, or `None` if the mapping has no tasks.
    pub async fn tell_task(&self, task: &LeadTask) -> Result<Option<CrmId>, CrmError> {
        let Some(mapping) = self.mapping.task() else { return Ok(None) };
        self.within(async {
            let found = self.query(&self.by_id(task.lead, "Id, ConvertedContactId")).await?;
            let none = || CrmError::Refused("it has no lead for this task".to_owned());
            let lead = found.first().ok_or_else(none)?;
            let text = |field: &str| lead.get(field).and_then(Json::as_str);
            let who = text("ConvertedContactId").or_else(|| text("Id")).ok_or_else(unexpected)?;
            let mut body: BTreeMap<&str, Value> = mapping.apply(task);
            body.insert("WhoId", Value::Text(who.to_owned()));
            let revision = Value::Number(task.revision.to_string());
            body.insert(&self.settings.revision_field, revision);
            let path = format!("sobjects/Task/{}/{}", self.settings.external_id, task.id);
            let answered = self.ask(Method::PATCH, &path, Some(&body)).await?;
            match answered.status {
                StatusCode::OK | StatusCode::CREATED => {
                    let answer = answered.json().ok_or_else(unexpected)?;
                    id_in(&answer).map(Some).ok_or_else(unexpected)
                }
                StatusCode::NO_CONTENT => self.find_task(task.id).await,
                _ => match Refusal::of(&answered)? {
                    // Salesforce has a later revision.
                    Refusal::Rule(fields) if fields.contains(&self.settings.revision_field) => {
                        self.find_task(task.id).await
                    }
                    other => Err(other.into_error()),
                },
            }
        })
        .await
    }

    async fn find_task(&self, task: TaskId) -> Result<Option<CrmId>, CrmError> {
        let id_field = &self.settings.external_id;
        let soql = format!("SELECT Id FROM Task WHERE {id_field} = '{task}' LIMIT 1");
        Ok(self.query(&soql).await?.first().and_then(id_in))
    }
}
