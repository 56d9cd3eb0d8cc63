use std::fmt;

use chrono::NaiveDate;

use crate::clock::Moment;
use crate::event::Contact;
use crate::follow_up::CustomerStage;
use crate::follow_up::task::TaskState;
use crate::ids::{ConsentId, PartnerId, ReferralId, RuleId, TaskId};
use crate::money::Amount;
use crate::referral::Placement;

/// What the CRM is told of a qualified referral. Holds personal data, so it lives only as long as
/// the delivery.
#[derive(Clone, Debug)]
pub struct Lead {
    /// Our id. By it the CRM is asked whether it has the lead already.
    pub id: ReferralId,
    /// Rises with every change that is sent. A CRM never goes back to a lower revision.
    pub revision: i64,
    pub partner: PartnerId,
    pub partner_name: String,
    pub product: String,
    pub amount: Amount,
    pub region: String,
    pub contact: Contact,
    /// Why the referral qualified, each reason as a sentence.
    pub reasons: Vec<String>,
    /// The score with its reasons, the next step, and the customer manager.
    pub placement: Placement,
    /// The campaign of the partner's offer.
    pub campaign: Option<String>,
    /// The customer's stage with the bank, if the person is a customer.
    pub customer_stage: Option<CustomerStage>,
    pub consent: ConsentId,
    pub consent_purpose: String,
    pub consent_text_version: String,
    pub consent_given_at: Moment,
    pub created_at: Moment,
}

/// A person withdrew the consent to be contacted about a lead. Holds no personal data.
#[derive(Clone, Copy, Debug)]
pub struct Withdrawal {
    pub lead: ReferralId,
    /// Higher than every revision of the lead that was sent before.
    pub revision: i64,
    pub at: Moment,
}

/// A task of a customer manager about a lead. Holds no personal data.
#[derive(Clone, Debug)]
pub struct LeadTask {
    pub id: TaskId,
    /// Rises with every change of the task.
    pub revision: i64,
    pub lead: ReferralId,
    pub rule: RuleId,
    pub says: String,
    pub says_zh: String,
    pub due_on: NaiveDate,
    pub state: TaskState,
    pub branch: Option<RuleId>,
    pub manager: Option<RuleId>,
}

/// The CRM's own id of a lead or a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrmId(pub String);

impl CrmId {
    /// The id that the pretended CRM of the sandbox gives a lead.
    #[must_use]
    pub fn pretended(lead: ReferralId) -> Self {
        Self(format!("pretended-{lead}"))
    }
}

impl fmt::Display for CrmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
