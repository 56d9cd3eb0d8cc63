//! A consent was withdrawn: the ways to reach the person go out of use, our words about them are
//! replaced, and the opportunity is closed. If staff have closed the opportunity, Tryton lets
//! nobody change a word of it: then it gets a note.

use serde_json::{Value as Json, json};

use super::Tryton;
use super::opportunity::Opportunity;
use crate::crm::mapping::Value;
use crate::crm::{CrmError, CrmId, Withdrawal};

impl Tryton {
    /// Tells Tryton; returns its id of the lead, or `None` if Tryton never had the lead.
    pub async fn withdraw(&self, withdrawal: &Withdrawal) -> Result<Option<CrmId>, CrmError> {
        self.within(self.withdraw_now(withdrawal)).await
    }

    async fn withdraw_now(&self, withdrawal: &Withdrawal) -> Result<Option<CrmId>, CrmError> {
        let lead = withdrawal.lead;
        if let Some(party) = self.find_parties(&[lead]).await?.get(&lead) {
            self.silence(party, lead, withdrawal.revision).await?;
        }
        let there = self.find_opportunities(&[lead]).await?.remove(&lead);
        let Some(there) = there else { return Ok(None) };
        let constants = self.mapping.withdrawal();
        let constant = |name: &str| constants.get(name).map_or("", Value::text);
        let ours = format!("{}\nWithdrawn {}.", constant("opportunity.comment"), withdrawal.at);
        if there.is_open() {
            // The words come first: after it is closed nobody may change them.
            if there.revision() < withdrawal.revision {
                self.comment_opportunity(&there, &ours, withdrawal.revision).await?;
            }
            self.close(&there, constant("opportunity.state")).await?;
        } else if there.revision() < withdrawal.revision {
            self.note(&there, &ours).await?;
        }
        Ok(Some(there.crm_id()))
    }

    /// Presses the button that leads to this state.
    async fn close(&self, there: &Opportunity, state: &str) -> Result<(), CrmError> {
        let button = match state {
            "cancelled" => "cancel",
            "lost" => "lost",
            _ => return Ok(()),
        };
        let method = format!("model.sale.opportunity.{button}");
        self.call(&method, |_session| json!([[there.id], {}])).await.map(drop)
    }

    /// Adds a note, unless it is there already.
    async fn note(&self, there: &Opportunity, message: &str) -> Result<(), CrmError> {
        let resource = format!("sale.opportunity,{}", there.id);
        let domain = json!([["resource", "=", resource], ["message", "=", message]]);
        if !self.search("ir.note", domain, 1, &["id"]).await?.is_empty() {
            return Ok(());
        }
        let note: Json = json!({ "resource": resource, "message": message });
        self.call("model.ir.note.create", |_session| json!([[note], {}])).await.map(drop)
    }
}
