//! The bank's CRM, behind one enum: what a lead is, and how each kind of CRM is told of it.

mod error;
mod lead;
mod tryton;

pub use error::CrmError;
pub use lead::{CrmId, Lead};
pub use tryton::{Tryton, TrytonLogin};

use std::time::Duration;

use crate::clock::Moment;
use crate::ids::ReferralId;
use crate::settings::CrmSettings;

/// Whichever CRM the bank has.
pub enum Crm {
    Tryton(Box<Tryton>),
    /// None at all, for the sandbox: it takes every lead, and nobody hears of it.
    Pretended,
}

impl Crm {
    /// A client that waits at most `time_out` for an answer and twice that for a whole delivery.
    /// Under a lease of three it has stopped, and what it sent had as long again to end, before
    /// another relay looks.
    ///
    /// # Errors
    /// [`CrmError`] when the settings cannot be used.
    pub fn new(settings: &CrmSettings, time_out: Duration) -> Result<Self, CrmError> {
        match settings {
            CrmSettings::Tryton { url, database, user, password } => {
                let login = TrytonLogin {
                    url: url.clone(),
                    database: database.clone(),
                    user: user.clone(),
                    password: password.clone(),
                };
                Ok(Self::Tryton(Box::new(Tryton::new(login, time_out)?)))
            }
        }
    }

    /// Tells the CRM of a lead, unless it has it already; its id of the lead either way.
    ///
    /// # Errors
    /// [`CrmError`], whose variants say whether trying again can help.
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.deliver(lead).await,
            Self::Pretended => Ok(CrmId::pretended(lead.id)),
        }
    }

    /// Tells the CRM that the person of a lead does not agree any longer, unless it has been told;
    /// its id of the lead, or `None` when it has no such lead.
    ///
    /// # Errors
    /// [`CrmError`].
    pub async fn withdraw_consent(
        &self,
        lead: ReferralId,
        at: Moment,
    ) -> Result<Option<CrmId>, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.withdraw_consent(lead, at).await,
            Self::Pretended => Ok(Some(CrmId::pretended(lead))),
        }
    }
}
