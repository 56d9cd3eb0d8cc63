use std::fmt;

use chrono::NaiveDate;

use crate::clock::Moment;
use crate::event::Contact;
use crate::follow_up::CustomerStage;
use crate::follow_up::task::TaskState;
use crate::ids::{ConsentId, PartnerId, ReferralId, RuleId, TaskId};
use crate::money::Amount;
use crate::referral::Placement;

/// What the CRM is told of a qualified referral. Holds personal data: it lives only as long as the
/// delivery takes.
#[derive(Clone, Debug)]
pub struct Lead {
    /// Our id, by which the CRM is asked whether it has the lead already.
    pub id: ReferralId,
    /// Rises with every change that we tell of: a CRM never goes back to a lower one.
    pub revision: i64,
    pub partner: PartnerId,
    pub partner_name: String,
    pub product: String,
    pub amount: Amount,
    pub region: String,
    pub contact: Contact,
    /// Why it qualified, each in a sentence.
    pub reasons: Vec<String>,
    /// How it scores and why, what to do next, and which customer manager is to.
    pub placement: Placement,
    /// The campaign that the partner's offer belongs to.
    pub campaign: Option<String>,
    /// How far the customer has come with the bank, where the person is one.
    pub customer_stage: Option<CustomerStage>,
    pub consent: ConsentId,
    pub consent_purpose: String,
    pub consent_text_version: String,
    pub consent_given_at: Moment,
    pub created_at: Moment,
}

/// That a person no longer wants to be contacted about a lead. Holds nothing of the person.
#[derive(Clone, Copy, Debug)]
pub struct Withdrawal {
    pub lead: ReferralId,
    /// Above every revision of the lead that was told before.
    pub revision: i64,
    pub at: Moment,
}

/// Something that a customer manager is to do about a lead. Holds nothing of the person.
#[derive(Clone, Debug)]
pub struct LeadTask {
    pub id: TaskId,
    /// Rises with everything that becomes of it.
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

/// The CRM's own id of a lead, or of a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrmId(pub String);

impl CrmId {
    /// What a CRM that is none calls a lead.
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
