//! Settings of the bank's CRM.

use serde::Deserialize;

use super::secret::Secret;

/// The bank's CRM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub enum CrmSettings {
    Tryton { url: String, database: String, user: String, password: Secret },
    Salesforce(SalesforceSettings),
    Webhook(CrmWebhookSettings),
}

impl CrmSettings {
    /// Where the CRM is, without anything secret.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Tryton { url, database, .. } => format!("tryton {url}/{database}"),
            Self::Salesforce(settings) => format!("salesforce {}", settings.url),
            Self::Webhook(settings) => format!("webhook {}", settings.url),
        }
    }
}

/// A Salesforce org and our client in it, which comes by OAuth 2.0 client credentials.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SalesforceSettings {
    /// The org's own address (My Domain).
    pub url: String,
    #[serde(default = "salesforce_version")]
    pub api_version: String,
    /// The Lead's external-id field that holds our id: text, unique.
    #[serde(default = "salesforce_id")]
    pub external_id: String,
    /// The Lead's number field that holds the revision.
    #[serde(default = "salesforce_revision")]
    pub revision_field: String,
    pub client_id: String,
    pub client_secret: Secret,
}

/// The bank's own receiver of leads (docs/crm-adapters.md).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrmWebhookSettings {
    pub url: String,
    /// `whsec_…`: signs what we send.
    pub secret: Secret,
    /// What the receiver asks for besides.
    pub login: Option<LoginSettings>,
}

/// How we show who we are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "method", rename_all = "snake_case")]
pub enum LoginSettings {
    ApiKey {
        header: String,
        key: Secret,
    },
    Basic {
        user: String,
        password: Secret,
    },
    /// OAuth 2.0 (RFC 6749, 4.4).
    ClientCredentials {
        token_url: String,
        client_id: String,
        client_secret: Secret,
        scope: Option<String>,
    },
}

/// Where the CRM tells of its leads' stages by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrmFeedbackSettings {
    /// `whsec_…`: what is told must be signed with it.
    pub secret: Secret,
}

fn salesforce_version() -> String {
    "v62.0".to_owned()
}

fn salesforce_id() -> String {
    "Tallystick_Id__c".to_owned()
}

fn salesforce_revision() -> String {
    "Tallystick_Revision__c".to_owned()
}
