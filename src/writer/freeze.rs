//! Staff freeze a partner in one step, or lift the freeze. From then on all that the partner reports is
//! held, its reserved points and commissions stay reserved, what its events brought since the moment that
//! staff named may not be spent, and what it is owed since then is out of its reach.

use super::Writer;
use super::draft::{Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::release::HeldRefusal;
use super::work::Work;
use crate::clock::Moment;
use crate::ids::{PartnerId, StaffId, TransactionId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion, TransactionKind};
use crate::money::{Amount, AmountError, Asset};
use crate::program::{Decision, HeldReason, Refusal};
use crate::store::freezes::{self, Freeze, Lifting};

/// Whom staff freeze, since when, and why.
#[derive(Clone, Debug)]
pub struct FreezeOrder {
    pub partner: PartnerId,
    /// What was recorded from then on is held; nothing: from now on.
    pub since: Option<Moment>,
    pub by: StaffId,
    pub reason: String,
}

/// The end of a freeze.
#[derive(Clone, Debug)]
pub struct LiftOrder {
    pub partner: PartnerId,
    pub by: StaffId,
    pub reason: String,
}

impl Writer {
    /// Freezes a partner, and waits until that is durable or refused.
    ///
    /// # Errors
    /// [`WriteError::Held`] when the partner is unknown or frozen already.
    pub async fn freeze(&self, order: FreezeOrder) -> Result<Freeze, WriteError> {
        self.run(move |work| work.freeze(&order)).await
    }

    /// Lifts the freeze of a partner. What is held stays held until staff decide on it.
    ///
    /// # Errors
    /// [`WriteError::Held`] when the partner is not frozen.
    pub async fn lift_freeze(&self, order: LiftOrder) -> Result<Freeze, WriteError> {
        self.run(move |work| work.lift_freeze(&order)).await
    }
}

impl Work<'_> {
    fn freeze(&mut self, order: &FreezeOrder) -> Result<Freeze, RecordError> {
        let partner = &order.partner;
        if self.bank.registry.get(partner).is_none() {
            return Err(HeldRefusal::PartnerGone.into());
        }
        freezes::lock_out(&mut self.tx, partner)?;
        if freezes::of(self.tx.db(), partner)?.is_some() {
            return Err(HeldRefusal::AlreadyFrozen.into());
        }
        let since = order.since.map_or(self.now, |since| since.min(self.now));
        let owed = freezes::owed_since(self.tx.db(), partner, since)?;
        let decision = away(partner, &owed, since).map_err(Refusal::from)?;
        let transaction = self.move_money(TransactionKind::Frozen, decision)?;
        let freeze = Freeze {
            partner: partner.clone(),
            since,
            by: order.by.to_string(),
            because: order.reason.clone(),
            at: self.now,
            transaction,
        };
        freezes::insert(&mut self.tx, &freeze)?;
        self.alarm_of_freeze(&freeze)?;
        Ok(freeze)
    }

    fn lift_freeze(&mut self, order: &LiftOrder) -> Result<Freeze, RecordError> {
        freezes::lock_out(&mut self.tx, &order.partner)?;
        let freeze = freezes::of(self.tx.db(), &order.partner)?.ok_or(HeldRefusal::NotFrozen)?;
        let moved = match freeze.transaction {
            Some(transaction) => freezes::moved_by(self.tx.db(), transaction)?,
            None => Vec::new(),
        };
        let decision = back(&order.partner, &moved).map_err(Refusal::from)?;
        let transaction = self.move_money(TransactionKind::Thawed, decision)?;
        let (by, because) = (order.by.to_string(), order.reason.clone());
        let lifting = Lifting { by, because, at: self.now, transaction };
        if !freezes::lift(&mut self.tx, &order.partner, &lifting)? {
            return Err(RecordError::Raced);
        }
        self.alarm_of_lifting(&freeze)?;
        Ok(freeze)
    }

    fn move_money(
        &mut self,
        kind: TransactionKind,
        decision: Decision,
    ) -> Result<Option<TransactionId>, RecordError> {
        if decision.postings.is_empty() {
            return Ok(None);
        }
        let draft = Draft::of_correction(kind, decision, self.now)?;
        let transaction = draft.transaction_id();
        let mut drafts = Drafts::default();
        drafts.push(draft);
        drafts.write(&mut self.tx, self.now)?;
        Ok(Some(transaction))
    }
}

/// Moves what the partner is owed out of its reach.
fn away(
    partner: &PartnerId,
    owed: &[(AccountCode, Amount)],
    since: Moment,
) -> Result<Decision, AmountError> {
    let mut decision = moves(partner, owed, "freeze:since@1")?;
    if !decision.postings.is_empty() {
        decision.explain(HeldReason::PayableFrozen { since });
    }
    Ok(decision)
}

/// Moves it back where it was.
fn back(partner: &PartnerId, moved: &[(AccountCode, Amount)]) -> Result<Decision, AmountError> {
    let mut decision = moves(partner, moved, "freeze:lifted@1")?;
    if !decision.postings.is_empty() {
        decision.explain(HeldReason::PayableFreed);
    }
    Ok(decision)
}

fn moves(
    partner: &PartnerId,
    from: &[(AccountCode, Amount)],
    rule: &str,
) -> Result<Decision, AmountError> {
    let rule = RuleVersion::built_in(rule);
    let frozen = Account::partner(AccountCode::PAYABLE_FROZEN, partner, Asset::CNY);
    let mut decision = Decision::default();
    for (code, amount) in from.iter().filter(|(_code, amount)| !amount.is_zero()) {
        let owed = Account::partner(*code, partner, Asset::CNY);
        decision.postings.push(Posting::new(owed, amount.negate()?, &rule));
        decision.postings.push(Posting::new(frozen.clone(), *amount, &rule));
    }
    Ok(decision)
}
