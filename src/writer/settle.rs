//! What an approved proposal about a break posts: the bank owes the partner more, or less.

use super::draft::{Draft, Drafts};
use super::error::RecordError;
use super::work::Work;
use crate::ids::{PartnerId, TransactionId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion, TransactionKind};
use crate::money::{Amount, AmountError};
use crate::program::{BreakAdjusted, Decision, Refusal};

/// What is posted, and who answers for it.
pub struct BreakAdjustment {
    pub partner: PartnerId,
    /// Above zero the bank owes the partner more.
    pub amount: Amount,
    pub why: BreakAdjusted,
}

impl Work<'_> {
    /// Posts an adjustment that two persons decided on, and returns its transaction.
    ///
    /// # Errors
    /// The store's; nothing is posted then.
    pub fn adjust_break(
        &mut self,
        adjustment: BreakAdjustment,
    ) -> Result<TransactionId, RecordError> {
        let postings =
            break_postings(&adjustment.partner, adjustment.amount).map_err(Refusal::from)?;
        let mut decision = Decision { postings, ..Decision::default() };
        decision.explain(adjustment.why);
        let kind = TransactionKind::BreakAdjusted;
        let draft = Draft::of_correction(kind, decision, self.now)?;
        let transaction = draft.transaction_id();
        let mut drafts = Drafts::default();
        drafts.push(draft);
        drafts.write(&mut self.tx, self.now)?;
        Ok(transaction)
    }
}

/// What an adjustment posts: above zero the bank owes the partner more.
///
/// # Errors
/// [`AmountError::OutOfRange`].
pub fn break_postings(partner: &PartnerId, amount: Amount) -> Result<Vec<Posting>, AmountError> {
    let rule = RuleVersion::built_in(BreakAdjusted::RULE);
    let owed = Account::partner(AccountCode::SETTLEMENT_PAYABLE, partner, amount.asset());
    let borne = Account::bank(AccountCode::SETTLEMENT_EXPENSE, amount.asset());
    Ok(vec![Posting::new(owed, amount, &rule), Posting::new(borne, amount.negate()?, &rule)])
}
