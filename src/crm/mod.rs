//! The bank's CRM behind one enum: what a lead is, and how it is sent to each kind of CRM. An
//! adapter is one folder or file and one mapping; docs/crm-adapters.md says how to write one.

mod changes;
mod error;
pub mod feedback;
mod gather;
mod lead;
mod login;
mod mapping;
pub mod message;
mod salesforce;
mod sample;
mod stage;
pub mod standard_webhook;
mod tryton;
mod webhook;
mod wire;

pub use changes::{Change, Changes, Watermark};
pub use error::CrmError;
pub use gather::Gathered;
pub use lead::{CrmId, Lead, LeadTask, Withdrawal};
pub use mapping::{Mapping, MappingError, Targets, Value};
pub use salesforce::Salesforce;
pub use sample::sample;
pub use stage::CrmStage;
pub use tryton::{Tryton, TrytonLogin};
pub use webhook::Webhook;

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;

use crate::settings::CrmSettings;

/// The CRM that the bank has.
pub enum Crm {
    Tryton(Box<Tryton>),
    Salesforce(Box<Salesforce>),
    Webhook(Box<Webhook>),
    /// No CRM, for the sandbox: it accepts every lead and sends it nowhere.
    Pretended,
}

/// Why there is no client of the CRM.
#[derive(Debug, thiserror::Error)]
pub enum CrmSetupError {
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(transparent)]
    Client(#[from] CrmError),
    #[error("{0}")]
    Secret(&'static str),
}

impl Crm {
    /// A client that waits at most `time_out` for an answer, and at most twice that for a whole
    /// delivery, after at most once that behind other leads ([`Gathered`]). Under a lease of four
    /// times `time_out` it has stopped, and its last request has had that long to end, before
    /// another relay looks.
    ///
    /// # Errors
    /// [`CrmSetupError`] if the settings or the mapping cannot be used.
    pub fn new(
        settings: &CrmSettings,
        mapping: Option<&Path>,
        time_out: Duration,
    ) -> Result<Self, CrmSetupError> {
        let mapping = load_mapping(settings, mapping)?;
        match settings {
            CrmSettings::Tryton { url, database, user, password } => {
                let login = TrytonLogin {
                    url: url.clone(),
                    database: database.clone(),
                    user: user.clone(),
                    password: password.clone(),
                };
                Ok(Self::Tryton(Box::new(Tryton::new(login, mapping, time_out)?)))
            }
            CrmSettings::Salesforce(settings) => {
                let salesforce = Salesforce::new(settings.clone(), mapping, time_out)?;
                Ok(Self::Salesforce(Box::new(salesforce)))
            }
            CrmSettings::Webhook(settings) => {
                Ok(Self::Webhook(Box::new(Webhook::new(settings.clone(), mapping, time_out)?)))
            }
        }
    }

    /// The name of its kind, as in the setting `crm.kind`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Tryton(_) => tryton::TARGETS.kind,
            Self::Salesforce(_) => salesforce::TARGETS.kind,
            Self::Webhook(_) => webhook::TARGETS.kind,
            Self::Pretended => "pretended",
        }
    }

    /// Sends leads, unless the CRM has them at this revision or a later one. Returns, for each, the
    /// CRM's id or the error.
    pub async fn deliver_all(&self, leads: &[Lead]) -> Vec<Result<CrmId, CrmError>> {
        match self {
            Self::Tryton(tryton) => tryton.deliver_all(leads).await,
            Self::Salesforce(salesforce) => salesforce.deliver_all(leads).await,
            Self::Webhook(webhook) => {
                let mut outcomes = Vec::new();
                for lead in leads {
                    outcomes.push(webhook.deliver(lead).await);
                }
                outcomes
            }
            Self::Pretended => leads.iter().map(|lead| Ok(CrmId::pretended(lead.id))).collect(),
        }
    }

    /// Sends one lead.
    ///
    /// # Errors
    /// [`CrmError`], whose variants say whether another attempt can help.
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.deliver(lead).await,
            Self::Salesforce(salesforce) => salesforce.deliver(lead).await,
            Self::Webhook(webhook) => webhook.deliver(lead).await,
            Self::Pretended => Ok(CrmId::pretended(lead.id)),
        }
    }

    /// Tells the CRM that a consent was withdrawn; returns its id of the lead, if it has the lead.
    pub async fn withdraw(&self, withdrawal: &Withdrawal) -> Result<Option<CrmId>, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.withdraw(withdrawal).await,
            Self::Salesforce(salesforce) => salesforce.withdraw(withdrawal).await,
            Self::Webhook(webhook) => webhook.withdraw(withdrawal).await.map(Some),
            Self::Pretended => Ok(Some(CrmId::pretended(withdrawal.lead))),
        }
    }

    /// Sends a task about a lead that the CRM has, or a change of the task. Returns the CRM's id of
    /// the task; `None` if the mapping has no tasks.
    pub async fn tell_task(&self, task: &LeadTask) -> Result<Option<CrmId>, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.tell_task(task).await,
            Self::Salesforce(salesforce) => salesforce.tell_task(task).await,
            Self::Webhook(webhook) => webhook.tell_task(task).await,
            Self::Pretended => Ok(None),
        }
    }

    /// How many leads one request may carry. They succeed together if the CRM can do that.
    #[must_use]
    pub const fn batch_max(&self) -> usize {
        match self {
            Self::Tryton(_) => 100,
            Self::Salesforce(_) => salesforce::BATCH_MAX,
            Self::Webhook(_) | Self::Pretended => 1,
        }
    }

    /// A page of changes to our leads since then; `None` for a CRM that tells us by itself.
    pub async fn changes(&self, since: &Watermark) -> Result<Option<Changes>, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.changes(since).await.map(Some),
            Self::Salesforce(salesforce) => salesforce.changes(since).await.map(Some),
            Self::Webhook(_) | Self::Pretended => Ok(None),
        }
    }

    /// A watermark set back by a time, so that no late change is skipped.
    #[must_use]
    pub fn set_back(&self, watermark: &Watermark, by: TimeDelta) -> Watermark {
        match self {
            Self::Tryton(_) => tryton::set_back(watermark, by),
            Self::Salesforce(_) => salesforce::set_back(watermark, by),
            Self::Webhook(_) | Self::Pretended => watermark.clone(),
        }
    }
}

/// The mapping of a CRM: the bank's own, or the built-in one.
pub fn load_mapping(settings: &CrmSettings, own: Option<&Path>) -> Result<Mapping, MappingError> {
    let (targets, built_in) = match settings {
        CrmSettings::Tryton { .. } => (tryton::TARGETS, tryton::BUILT_IN),
        CrmSettings::Salesforce(_) => (salesforce::TARGETS, salesforce::BUILT_IN),
        CrmSettings::Webhook(_) => (webhook::TARGETS, webhook::BUILT_IN),
    };
    match own {
        Some(path) => Mapping::load(path, &targets),
        None => Mapping::parse(built_in, &targets),
    }
}
