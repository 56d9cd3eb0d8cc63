//! The lead that the bank makes of a customer's own behaviour, in one transaction with the note that
//! the customer was checked against the rule.

use super::error::{RecordError, WriteError};
use super::work::Work;
use super::{Submission, Writer};
use crate::ids::{CustomerId, ReferralId};
use crate::program::Refusal;
use crate::store::{contacts, customers};

/// A referral by the bank itself, and the agreement on which it rests.
#[derive(Clone, Debug)]
pub struct BehaviourLead {
    pub submission: Submission,
    pub customer: CustomerId,
    /// The contact data that the customer agreed to. Another record is another agreement.
    pub record: ReferralId,
    pub rule: String,
    pub period: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BehaviourOutcome {
    Lead,
    Refused(Refusal),
    /// The customer has withdrawn the agreement since it was read: nothing is recorded.
    Withdrawn,
}

impl Writer {
    /// Records the lead if the customer's agreement still stands, and waits until that is durable.
    /// The same rule and period of a customer make one lead, however often it is asked for.
    pub async fn refer_by_behaviour(
        &self,
        lead: BehaviourLead,
    ) -> Result<BehaviourOutcome, WriteError> {
        self.run(move |work| work.refer_by_behaviour(&lead)).await
    }
}

impl Work<'_> {
    fn refer_by_behaviour(
        &mut self,
        lead: &BehaviourLead,
    ) -> Result<BehaviourOutcome, RecordError> {
        customers::lock(&mut self.tx, &[lead.customer])?;
        if !contacts::stands(self.tx.db(), lead.customer, lead.record)? {
            return Ok(BehaviourOutcome::Withdrawn);
        }
        self.person = Some(lead.customer);
        let answers = self.record(std::slice::from_ref(&lead.submission), &[])?;
        let outcome = match answers.into_iter().next() {
            // Recorded under this id before, by another gateway or before a crash: it is one lead.
            Some(Ok(_) | Err(WriteError::Conflict)) => BehaviourOutcome::Lead,
            Some(Err(WriteError::Refused(refusal))) => BehaviourOutcome::Refused(refusal),
            Some(Err(error)) => return Err(RecordError::Answered(Box::new(error))),
            None => return Err(RecordError::Raced),
        };
        let evaluation = match &outcome {
            BehaviourOutcome::Lead => "lead",
            BehaviourOutcome::Refused(_) => "refused",
            BehaviourOutcome::Withdrawn => return Ok(outcome),
        };
        let of = contacts::Evaluation { rule: &lead.rule, period: &lead.period };
        contacts::evaluated(&mut self.tx, lead.customer, of, evaluation, self.now)?;
        Ok(outcome)
    }
}
