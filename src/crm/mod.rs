//! The bank's CRM, behind one enum: what a lead is, and how each kind of CRM is told of it. An
//! adapter is one room or file and one mapping; docs/crm-adapters.md says how to write the next.

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
pub use stage::Stage;
pub use tryton::{Tryton, TrytonLogin};
pub use webhook::Webhook;

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;

use crate::settings::CrmSettings;

/// Whichever CRM the bank has.
pub enum Crm {
    Tryton(Box<Tryton>),
    Salesforce(Box<Salesforce>),
    Webhook(Box<Webhook>),
    /// None at all, for the sandbox: it takes every lead, and nobody hears of it.
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
    /// A client that waits at most `time_out` for an answer and twice that for a whole delivery,
    /// after at most once that behind others ([`Gathered`]). Under a lease of four it has stopped,
    /// and what it sent had as long again to end, before another relay looks.
    ///
    /// # Errors
    /// [`CrmSetupError`] when settings or mapping cannot be used.
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

    /// The name of its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Tryton(_) => tryton::TARGETS.kind,
            Self::Salesforce(_) => salesforce::TARGETS.kind,
            Self::Webhook(_) => webhook::TARGETS.kind,
            Self::Pretended => "pretended",
        }
    }

    /// Tells the CRM of leads, unless it has them already at this revision or a later one; its id
    /// of each, or why it was not told of that one.
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

    /// Tells the CRM of one lead.
    ///
    /// # Errors
    /// [`CrmError`], whose variants say whether trying again can help.
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.deliver(lead).await,
            Self::Salesforce(salesforce) => salesforce.deliver(lead).await,
            Self::Webhook(webhook) => webhook.deliver(lead).await,
            Self::Pretended => Ok(CrmId::pretended(lead.id)),
        }
    }

    /// Tells the CRM that a consent was withdrawn; its id of the lead, where it has it.
    pub async fn withdraw(&self, withdrawal: &Withdrawal) -> Result<Option<CrmId>, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.withdraw(withdrawal).await,
            Self::Salesforce(salesforce) => salesforce.withdraw(withdrawal).await,
            Self::Webhook(webhook) => webhook.withdraw(withdrawal).await.map(Some),
            Self::Pretended => Ok(Some(CrmId::pretended(withdrawal.lead))),
        }
    }

    /// Tells the CRM what is to be done about a lead that it has, and what became of that; its id of
    /// the task. `None` where the mapping tells of no tasks.
    pub async fn tell_task(&self, task: &LeadTask) -> Result<Option<CrmId>, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.tell_task(task).await,
            Self::Salesforce(salesforce) => salesforce.tell_task(task).await,
            Self::Webhook(webhook) => webhook.tell_task(task).await,
            Self::Pretended => Ok(None),
        }
    }

    /// How many leads one request may carry: they succeed together where the CRM can do that.
    #[must_use]
    pub const fn batch_max(&self) -> usize {
        match self {
            Self::Tryton(_) => 100,
            Self::Salesforce(_) => salesforce::BATCH_MAX,
            Self::Webhook(_) | Self::Pretended => 1,
        }
    }

    /// A page of what has become of our leads since then; `None` for a CRM that tells by itself.
    pub async fn changes(&self, since: &Watermark) -> Result<Option<Changes>, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.changes(since).await.map(Some),
            Self::Salesforce(salesforce) => salesforce.changes(since).await.map(Some),
            Self::Webhook(_) | Self::Pretended => Ok(None),
        }
    }

    /// A watermark set back by so much, so that nothing is skipped that turns up late.
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
