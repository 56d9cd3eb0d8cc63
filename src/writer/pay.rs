//! What the bank's answers post. A settlement has taken its payout out of what it carries forward, so what
//! is paid goes to an account beside those that settlements sum; what fails comes back to one of them.

use super::draft::{Draft, Drafts};
use super::error::RecordError;
use super::work::Work;
use crate::ids::{PartnerId, TransactionId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion, TransactionKind};
use crate::money::{Amount, AmountError};
use crate::program::{Decision, PayoutReason, Refusal};

/// What becomes of money for a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayoutStep {
    Paid,
    Rejected,
    Returned,
    Charged,
}

/// What is posted, and why.
pub struct PayoutPosting {
    pub step: PayoutStep,
    pub partner: PartnerId,
    /// Above zero.
    pub amount: Amount,
    pub why: PayoutReason,
}

impl Work<'_> {
    /// Posts what became of a payout, and returns the transaction.
    ///
    /// # Errors
    /// The store's; nothing is posted then.
    pub fn post_payout(&mut self, posting: PayoutPosting) -> Result<TransactionId, RecordError> {
        let PayoutPosting { step, partner, amount, .. } = &posting;
        let postings = payout_postings(*step, partner, *amount).map_err(Refusal::from)?;
        let mut decision = Decision { postings, ..Decision::default() };
        decision.explain(posting.why);
        let draft = Draft::of_correction(posting.step.kind(), decision, self.now)?;
        let transaction = draft.transaction_id();
        let mut drafts = Drafts::default();
        drafts.push(draft);
        drafts.write(&mut self.tx, self.now)?;
        Ok(transaction)
    }
}

impl PayoutStep {
    const fn kind(self) -> TransactionKind {
        match self {
            Self::Paid => TransactionKind::PayoutPaid,
            Self::Rejected => TransactionKind::PayoutRejected,
            Self::Returned => TransactionKind::PayoutReturned,
            Self::Charged => TransactionKind::PayoutCharged,
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Paid => PayoutReason::PAID,
            Self::Rejected => PayoutReason::REJECTED,
            Self::Returned => PayoutReason::RETURNED,
            Self::Charged => PayoutReason::CHARGED,
        }
    }
}

/// What a step of a payout posts.
///
/// # Errors
/// [`AmountError::OutOfRange`].
pub fn payout_postings(
    step: PayoutStep,
    partner: &PartnerId,
    amount: Amount,
) -> Result<Vec<Posting>, AmountError> {
    let asset = amount.asset();
    let owed = Account::partner(AccountCode::SETTLEMENT_PAYABLE, partner, asset);
    let paid = Account::partner(AccountCode::PAYOUT_PAID, partner, asset);
    let money = Account::bank(AccountCode::PAYOUT_ACCOUNT, asset);
    let (from, to) = match step {
        PayoutStep::Paid => (paid, money),
        PayoutStep::Rejected => (paid, owed),
        PayoutStep::Returned => (money, owed),
        PayoutStep::Charged => (owed, money),
    };
    let rule = RuleVersion::built_in(step.rule());
    Ok(vec![Posting::new(from, amount.negate()?, &rule), Posting::new(to, amount, &rule)])
}
