//! The bank's CRM, behind one enum: what a lead is, and how each kind of CRM is told of it.

mod error;
mod lead;
mod tryton;

pub use error::CrmError;
pub use lead::{CrmId, Lead};
pub use tryton::{Tryton, TrytonLogin};

use crate::settings::CrmSettings;

/// Whichever CRM the bank has.
pub enum Crm {
    Tryton(Tryton),
}

impl Crm {
    /// # Errors
    /// [`CrmError`] when the settings cannot be used.
    pub fn new(settings: &CrmSettings) -> Result<Self, CrmError> {
        match settings {
            CrmSettings::Tryton {
                url,
                database,
                user,
                password,
            } => Ok(Self::Tryton(Tryton::new(TrytonLogin {
                url: url.clone(),
                database: database.clone(),
                user: user.clone(),
                password: password.clone(),
            })?)),
        }
    }

    /// Tells the CRM of a lead, unless it has it already; its id of the lead either way.
    ///
    /// # Errors
    /// [`CrmError`], whose variants say whether trying again can help.
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        match self {
            Self::Tryton(tryton) => tryton.deliver(lead).await,
        }
    }
}
