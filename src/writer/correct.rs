//! One correction in one transaction: proposed, and posted at once where one person may; later
//! approved by another, or rejected.

use super::draft::{Draft, Drafts};
use super::load::load_lots;
use super::record::{RecordError, Recorder};
use crate::clock::Moment;
use crate::ids::{
    CorrectionId, CustomerId, EventKey, LotId, MemberKey, MemberRef, PartnerId, StaffId,
    TransactionId,
};
use crate::money::{Amount, Asset};
use crate::program::correction::{customer_points, is_above};
use crate::program::{
    self, Adjustment, Correction, CorrectionContent, CorrectionReason, CorrectionRefusal,
    CorrectionState, Decision, Irreversible, Lots, OriginalTransaction, Reversal,
};
use crate::store::{
    LedgerTx, corrections, counters, customers, lots, referral_rewards, transactions,
};

/// What a member of staff asks for.
#[derive(Clone, Debug)]
pub struct Order {
    pub id: CorrectionId,
    pub by: StaffId,
    pub step: Step,
}

#[derive(Clone, Debug)]
pub enum Step {
    Propose { what: Asked, reason: String },
    Approve,
    Reject { reason: String },
}

/// What is to be corrected, as it is named from outside.
#[derive(Clone, Debug)]
pub enum Asked {
    Adjustment {
        partner: PartnerId,
        member: MemberRef,
        /// Not zero.
        points: Amount,
        expires_at: Option<Moment>,
    },
    Reversal {
        transaction: TransactionId,
    },
}

/// What became of an order: durable when it is given.
#[derive(Clone, Debug)]
pub struct Corrected {
    pub correction: Correction,
    /// Of its transaction, once it is posted.
    pub receipt: Option<String>,
    /// Whether the same was asked for before, and done.
    pub replayed: bool,
}

type Refused = CorrectionRefusal;

impl Recorder {
    /// Does what is asked in the transaction, or nothing of it.
    pub fn correct(
        &self,
        tx: &mut LedgerTx<'_>,
        order: &Order,
        now: Moment,
    ) -> Result<Corrected, RecordError> {
        let known = corrections::lock(tx, &order.id)?;
        match (&order.step, known) {
            (Step::Propose { what, reason }, None) => self.propose(tx, (order, what, reason), now),
            (Step::Propose { what, reason }, Some((correction, receipt))) => {
                let same = correction.proposed_by == order.by
                    && correction.reason == *reason
                    && is_asked(&correction.what, what);
                if !same {
                    return Err(Refused::Conflict.into());
                }
                Ok(Corrected { correction, receipt, replayed: true })
            }
            (Step::Approve | Step::Reject { .. }, None) => Err(Refused::Unknown.into()),
            (Step::Approve, Some((correction, receipt))) => {
                if correction.approval(&order.by)? {
                    self.approve(tx, correction, &order.by, now)
                } else {
                    Ok(Corrected { correction, receipt, replayed: true })
                }
            }
            (Step::Reject { reason }, Some((mut correction, receipt))) => {
                let replayed = !correction.rejection(&order.by, reason)?;
                if !replayed {
                    let (by, reason) = (order.by.clone(), reason.clone());
                    correction.state = CorrectionState::Rejected { by, reason, at: now };
                    corrections::close(tx, &correction)?;
                }
                Ok(Corrected { correction, receipt, replayed })
            }
        }
    }

    fn propose(
        &self,
        tx: &mut LedgerTx<'_>,
        (order, asked, reason): (&Order, &Asked, &str),
        now: Moment,
    ) -> Result<Corrected, RecordError> {
        let mut correction = Correction {
            id: order.id.clone(),
            what: find(tx, asked)?,
            reason: reason.to_owned(),
            proposed_by: order.by.clone(),
            proposed_at: now,
            above_limit: false,
            state: CorrectionState::Proposed,
        };
        if let CorrectionContent::Reversal(Reversal { transaction, .. }) = &correction.what
            && let Some(other) = corrections::reversing(tx.db(), *transaction)?
        {
            return Err(Refused::NotReversible(Irreversible::Already(other)).into());
        }
        // Decided on even if it waits: what cannot be posted is not proposed.
        let mut decision = self.decide(tx, &correction.what, now)?;
        if let CorrectionContent::Reversal(reversal) = &mut correction.what {
            reversal.points = points_of(&decision)?;
        }
        let alone_max = self.registry.programme().adjustment.alone_max;
        correction.above_limit = is_above(alone_max, &decision).map_err(Refused::from)?;
        let mut drafts = Drafts::default();
        let mut receipt = None;
        if !correction.above_limit {
            decision.explanation.insert(0, CorrectionReason::new(&correction, None).into());
            let draft = Draft::of_correction(correction.what.kind(), decision, now)?;
            receipt = Some(draft.receipt().to_owned());
            let transaction = draft.transaction_id();
            correction.state = CorrectionState::Posted { transaction, approved_by: None, at: now };
            drafts.push(draft);
            take_rewards_back(tx, &correction.what)?;
        }
        if !corrections::insert(tx, &correction)? {
            return Err(RecordError::Raced);
        }
        drafts.write(tx, now)?;
        Ok(Corrected { correction, receipt, replayed: false })
    }

    fn approve(
        &self,
        tx: &mut LedgerTx<'_>,
        mut correction: Correction,
        by: &StaffId,
        now: Moment,
    ) -> Result<Corrected, RecordError> {
        let mut decision = self.decide(tx, &correction.what, now)?;
        decision.explanation.insert(0, CorrectionReason::new(&correction, Some(by)).into());
        let draft = Draft::of_correction(correction.what.kind(), decision, now)?;
        let receipt = Some(draft.receipt().to_owned());
        correction.state = CorrectionState::Posted {
            transaction: draft.transaction_id(),
            approved_by: Some(by.clone()),
            at: now,
        };
        corrections::close(tx, &correction)?;
        take_rewards_back(tx, &correction.what)?;
        let mut drafts = Drafts::default();
        drafts.push(draft);
        drafts.write(tx, now)?;
        Ok(Corrected { correction, receipt, replayed: false })
    }

    /// What it posts as things stand now, under the customer's lock.
    fn decide(
        &self,
        tx: &mut LedgerTx<'_>,
        what: &CorrectionContent,
        now: Moment,
    ) -> Result<Decision, RecordError> {
        customers::lock(tx, what.customer().as_slice())?;
        match what {
            CorrectionContent::Adjustment(adjustment) => {
                let standing = standing(tx, Some(adjustment.customer), &[])?;
                let unit_cost = self.registry.programme().points.unit_cost;
                Ok(program::adjust(adjustment, unit_cost, &standing, now)?)
            }
            CorrectionContent::Reversal(Reversal { transaction, customer, .. }) => {
                let (mut original, event) =
                    transactions::original(tx, *transaction)?.ok_or(Refused::TransactionUnknown)?;
                if let Some(key) = event {
                    let payment = transactions::payments(tx, &[key])?.remove(&key);
                    original.refunded = payment.is_some_and(|it| !it.refunded.is_zero());
                }
                if referral_rewards::gone_on(tx.db(), *transaction)? {
                    return Err(Refused::NotReversible(Irreversible::Rewarded).into());
                }
                counters::lock(tx, original.counted.iter().map(|counted| counted.counter))?;
                let standing = standing(tx, *customer, &original.lots())?;
                Ok(program::reverse(&original, &standing)?)
            }
        }
    }
}

/// What a reversed transaction had given for a referral stands no more.
fn take_rewards_back(tx: &mut LedgerTx<'_>, what: &CorrectionContent) -> Result<(), RecordError> {
    match what {
        CorrectionContent::Reversal(reversal) => {
            Ok(referral_rewards::reversed(tx, reversal.transaction)?)
        }
        CorrectionContent::Adjustment(_) => Ok(()),
    }
}

/// Whom or what the names from outside mean.
fn find(tx: &mut LedgerTx<'_>, asked: &Asked) -> Result<CorrectionContent, RecordError> {
    match asked {
        Asked::Adjustment { partner, member, points, expires_at } => {
            let key = MemberKey::of(partner, member);
            let customer = customers::of_members(tx, &[key])?.remove(&key);
            Ok(CorrectionContent::Adjustment(Adjustment {
                customer: customer.ok_or(Refused::MemberUnknown)?.id,
                partner: partner.clone(),
                member: member.clone(),
                points: *points,
                expires_at: *expires_at,
            }))
        }
        Asked::Reversal { transaction } => {
            let (original, event) =
                transactions::original(tx, *transaction)?.ok_or(Refused::TransactionUnknown)?;
            let customer = whose(tx, &original, event.as_slice())?;
            let points = Amount::zero(Asset::PTS);
            Ok(CorrectionContent::Reversal(Reversal {
                transaction: *transaction,
                customer,
                points,
            }))
        }
    }
}

/// Whose points a transaction moved, or whose payment it was: a payment may bring none.
fn whose(
    tx: &mut LedgerTx<'_>,
    original: &OriginalTransaction,
    event: &[EventKey],
) -> Result<Option<CustomerId>, RecordError> {
    match original.customer() {
        Some(customer) => Ok(Some(customer)),
        None => Ok(transactions::payers(tx, event)?.first().copied()),
    }
}

/// Whether what was recorded is what is asked for; ids of customers are for the store to find.
fn is_asked(recorded: &CorrectionContent, asked: &Asked) -> bool {
    match (recorded, asked) {
        (
            CorrectionContent::Adjustment(recorded),
            Asked::Adjustment { partner, member, points, expires_at },
        ) => {
            recorded.partner == *partner
                && recorded.member == *member
                && recorded.points == *points
                && recorded.expires_at == *expires_at
        }
        (CorrectionContent::Reversal(recorded), Asked::Reversal { transaction }) => {
            recorded.transaction == *transaction
        }
        (CorrectionContent::Adjustment(_), Asked::Reversal { .. })
        | (CorrectionContent::Reversal(_), Asked::Adjustment { .. }) => false,
    }
}

fn points_of(decision: &Decision) -> Result<Amount, RecordError> {
    Ok(customer_points(&decision.postings).map_err(Refused::from)?)
}

/// A customer's lots and debt, and those other lots.
fn standing(
    tx: &mut LedgerTx<'_>,
    customer: Option<CustomerId>,
    others: &[LotId],
) -> Result<Lots, RecordError> {
    let mut standing = Lots::default();
    load_lots(tx, customer.as_slice(), others, &mut standing)?;
    for (customer, owed) in lots::owed(tx.db(), customer.as_slice())? {
        standing.add_owed(customer, owed);
    }
    Ok(standing)
}
