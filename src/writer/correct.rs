//! One step of a correction in one transaction. A proposal is posted at once where one person may
//! decide alone; otherwise another person approves or rejects it later.

use super::Writer;
use super::draft::{Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::load::load_customer_lots;
use super::work::Work;
use crate::clock::Moment;
use crate::ids::{
    CorrectionId, CustomerId, EventKey, MemberKey, MemberRef, PartnerId, StaffId, TransactionId,
};
use crate::ledger::Posting;
use crate::money::{Amount, Asset};
use crate::program::correction::{customer_points, is_above};
use crate::program::staff_limits::AloneSums;
use crate::program::{
    self, Adjustment, Correction, CorrectionContent, CorrectionReason, CorrectionRefusal,
    CorrectionState, Counters, Decision, Irreversible, NeededCounters, Occasion,
    OriginalTransaction, Reversal,
};
use crate::store::transactions::ToReverse;
use crate::store::{
    LedgerTx, corrections, counters, customers, referral_rewards, referrals, transactions,
};

/// What a member of staff asks for.
#[derive(Clone, Debug)]
pub struct CorrectionOrder {
    pub id: CorrectionId,
    pub by: StaffId,
    /// What the customers' identity provider calls the same person and their household, where the token of
    /// staff says so.
    pub own_subjects: Vec<String>,
    pub step: CorrectionStep,
}

#[derive(Clone, Debug)]
pub enum CorrectionStep {
    Propose { what: CorrectionAsked, reason: String },
    Approve,
    Reject { reason: String },
}

/// What is to be corrected, by the names that are used outside.
#[derive(Clone, Debug)]
pub enum CorrectionAsked {
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

/// What became of an order. When it is given, it is durable.
#[derive(Clone, Debug)]
pub struct Corrected {
    pub correction: Correction,
    /// The receipt of its transaction, once it is posted.
    pub receipt: Option<String>,
    /// Whether the same was asked for before, and done.
    pub replayed: bool,
}

type Refused = CorrectionRefusal;

impl Writer {
    /// Takes a step of a correction, and waits until it is durable or refused.
    pub async fn correct(&self, order: CorrectionOrder) -> Result<Corrected, WriteError> {
        self.run(move |work| work.correct(&order)).await
    }

    /// What approving a correction would post as things stand now. Nothing is kept.
    ///
    /// # Errors
    /// As approving it.
    pub async fn preview_correction(&self, id: CorrectionId) -> Result<Vec<Posting>, WriteError> {
        self.run(move |work| work.preview(&id)).await
    }
}

impl Work<'_> {
    /// Takes the step in the transaction, or nothing of it.
    fn correct(&mut self, order: &CorrectionOrder) -> Result<Corrected, RecordError> {
        let (now, tx) = (self.now, &mut self.tx);
        let known = corrections::lock(tx, &order.id)?;
        match (&order.step, known) {
            (CorrectionStep::Propose { what, reason }, None) => self.propose(order, what, reason),
            (CorrectionStep::Propose { what, reason }, Some((correction, receipt))) => {
                let same = correction.proposed_by == order.by
                    && correction.reason == *reason
                    && is_asked(&correction.what, what);
                if !same {
                    return Err(Refused::Conflict.into());
                }
                Ok(Corrected { correction, receipt, replayed: true })
            }
            (CorrectionStep::Approve | CorrectionStep::Reject { .. }, None) => {
                Err(Refused::Unknown.into())
            }
            (CorrectionStep::Approve, Some((correction, receipt))) => {
                self.keep_off_own(order, &correction.what)?;
                if correction.approval(&order.by)? {
                    self.approve(correction, &order.by)
                } else {
                    Ok(Corrected { correction, receipt, replayed: true })
                }
            }
            (CorrectionStep::Reject { reason }, Some((mut correction, receipt))) => {
                self.keep_off_own(order, &correction.what)?;
                let tx = &mut self.tx;
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

    fn preview(&mut self, id: &CorrectionId) -> Result<Vec<Posting>, RecordError> {
        let (correction, _receipt) = corrections::get(self.tx.db(), id)?.ok_or(Refused::Unknown)?;
        if correction.state != CorrectionState::Proposed {
            return Ok(Vec::new());
        }
        Ok(self.decide(&correction.what)?.postings)
    }

    fn propose(
        &mut self,
        order: &CorrectionOrder,
        asked: &CorrectionAsked,
        reason: &str,
    ) -> Result<Corrected, RecordError> {
        let now = self.now;
        let mut correction = Correction {
            id: order.id.clone(),
            what: find(&mut self.tx, asked)?,
            reason: reason.to_owned(),
            proposed_by: order.by.clone(),
            proposed_at: now,
            above_limit: false,
            state: CorrectionState::Proposed,
        };
        self.keep_off_own(order, &correction.what)?;
        if let CorrectionContent::Reversal(Reversal { transaction, .. }) = &correction.what
            && let Some(other) = corrections::reversing(self.tx.db(), *transaction)?
        {
            return Err(Refused::NotReversible(Irreversible::Already(other)).into());
        }
        // Decided on even if it waits: what cannot be posted is not proposed.
        let mut decision = self.decide(&correction.what)?;
        if let CorrectionContent::Reversal(reversal) = &mut correction.what {
            reversal.points = points_of(&decision)?;
        }
        let alone_max = self.bank.registry.programme().adjustment.alone_max;
        correction.above_limit = is_above(alone_max, &decision).map_err(Refused::from)?
            || self.is_beyond_sums(&correction, &mut decision)?;
        let mut drafts = Drafts::default();
        let mut receipt = None;
        if !correction.above_limit {
            decision.explanation.insert(0, CorrectionReason::new(&correction, None).into());
            let draft = Draft::of_correction(correction.what.kind(), decision, now)?;
            receipt = Some(draft.receipt().to_owned());
            let transaction = draft.transaction_id();
            correction.state = CorrectionState::Posted { transaction, approved_by: None, at: now };
            drafts.push(draft);
            take_rewards_back(&mut self.tx, &correction.what)?;
        }
        if !corrections::insert(&mut self.tx, &correction)? {
            return Err(RecordError::Raced);
        }
        drafts.write(&mut self.tx, now)?;
        Ok(Corrected { correction, receipt, replayed: false })
    }

    fn approve(
        &mut self,
        mut correction: Correction,
        by: &StaffId,
    ) -> Result<Corrected, RecordError> {
        let now = self.now;
        let mut decision = self.decide(&correction.what)?;
        decision.explanation.insert(0, CorrectionReason::new(&correction, Some(by)).into());
        let draft = Draft::of_correction(correction.what.kind(), decision, now)?;
        let receipt = Some(draft.receipt().to_owned());
        correction.state = CorrectionState::Posted {
            transaction: draft.transaction_id(),
            approved_by: Some(by.clone()),
            at: now,
        };
        corrections::close(&mut self.tx, &correction)?;
        take_rewards_back(&mut self.tx, &correction.what)?;
        let mut drafts = Drafts::default();
        drafts.push(draft);
        drafts.write(&mut self.tx, now)?;
        Ok(Corrected { correction, receipt, replayed: false })
    }

    /// Nobody touches their own account, nor their household's.
    fn keep_off_own(
        &mut self,
        order: &CorrectionOrder,
        what: &CorrectionContent,
    ) -> Result<(), RecordError> {
        if self.is_own(&order.own_subjects, what.customer())? {
            return Err(Refused::OwnAccount.into());
        }
        Ok(())
    }

    /// Whether the correction goes beyond what staff may post alone in all; if not, it counts. Its
    /// customer must be locked.
    fn is_beyond_sums(
        &mut self,
        correction: &Correction,
        decision: &mut Decision,
    ) -> Result<bool, RecordError> {
        let limits = self.bank.registry.programme().staff;
        let day = self.now.day_in(self.bank.time_zone);
        let (by, customer) = (&correction.proposed_by, correction.what.customer());
        let sums = AloneSums::of(&limits, by, customer, day);
        counters::lock(&mut self.tx, sums.counters())?;
        let keys: Vec<_> = sums.counters().collect();
        let mut known = Counters::default();
        for (key, value) in counters::load(self.tx.db(), &keys)? {
            known.add(key, value);
        }
        let points = points_of(decision)?;
        if sums.would_exceed(points, &known).map_err(Refused::from)? {
            return Ok(true);
        }
        decision.counted.extend(sums.counted(points).map_err(Refused::from)?);
        Ok(false)
    }

    /// What the correction posts as things stand now, under the customer's lock.
    fn decide(&mut self, what: &CorrectionContent) -> Result<Decision, RecordError> {
        let (now, tx) = (self.now, &mut self.tx);
        if let CorrectionContent::Reversal(reversal) = what {
            // Referrals are locked before customers: nothing else takes back what is reversed.
            for referral in referral_rewards::rewarded_by(tx.db(), reversal.transaction)? {
                referrals::lock(tx, referral)?;
            }
        }
        customers::lock(tx, what.customer().as_slice())?;
        match what {
            CorrectionContent::Adjustment(adjustment) => {
                let standing = load_customer_lots(tx, &[adjustment.customer], &[])?;
                let unit_cost = self.bank.registry.programme().points.unit_cost;
                Ok(program::adjust(adjustment, unit_cost, &standing, now)?)
            }
            CorrectionContent::Reversal(Reversal { transaction, customer, .. }) => {
                let found = transactions::original(tx, *transaction)?;
                let original = found.ok_or(Refused::TransactionUnknown)?.original;
                if referral_rewards::gone_on(tx.db(), *transaction)? {
                    return Err(Refused::NotReversible(Irreversible::Rewarded).into());
                }
                counters::lock(tx, original.counted.iter().map(|counted| counted.counter))?;
                let standing = load_customer_lots(tx, customer.as_slice(), &original.lots())?;
                let mut decision = program::reverse(&original, &standing, now)?;
                self.follow_tier(*customer, &mut decision)?;
                Ok(decision)
            }
        }
    }
}

impl Work<'_> {
    /// What a reversal makes of the tier of a customer: payments that are reversed reach none.
    fn follow_tier(
        &mut self,
        customer: Option<CustomerId>,
        decision: &mut Decision,
    ) -> Result<(), RecordError> {
        let programme = self.bank.registry.programme();
        let (Some(tiers), Some(customer)) = (&programme.tiers, customer) else { return Ok(()) };
        let occasion = Occasion::new(self.now, self.now, self.bank.time_zone);
        let mut needed = NeededCounters::default();
        needed.by_refund(tiers, customer, occasion.day);
        let keys: Vec<_> = needed.own.into_iter().collect();
        let mut known = Counters::default();
        for (key, value) in counters::load(self.tx.db(), &keys)? {
            known.add(key, value);
        }
        let change = program::tier_change(tiers, customer, occasion, &known, &decision.counted);
        decision.tier = change.map_err(Refused::from)?;
        Ok(())
    }
}

/// Marks the rewards as taken back that a reversed transaction had given.
fn take_rewards_back(tx: &mut LedgerTx<'_>, what: &CorrectionContent) -> Result<(), RecordError> {
    match what {
        CorrectionContent::Reversal(reversal) => {
            Ok(referral_rewards::reversed(tx, reversal.transaction)?)
        }
        CorrectionContent::Adjustment(_) => Ok(()),
    }
}

/// Finds the customer or the transaction that the order names.
fn find(tx: &mut LedgerTx<'_>, asked: &CorrectionAsked) -> Result<CorrectionContent, RecordError> {
    match asked {
        CorrectionAsked::Adjustment { partner, member, points, expires_at } => {
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
        CorrectionAsked::Reversal { transaction } => {
            let ToReverse { original, event } =
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

/// The customer whose points a transaction moved, or whose payment it was: a payment may bring no
/// points.
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

/// Whether a recorded correction is the same as the one that is asked for.
fn is_asked(recorded: &CorrectionContent, asked: &CorrectionAsked) -> bool {
    match (recorded, asked) {
        (
            CorrectionContent::Adjustment(recorded),
            CorrectionAsked::Adjustment { partner, member, points, expires_at },
        ) => {
            recorded.partner == *partner
                && recorded.member == *member
                && recorded.points == *points
                && recorded.expires_at == *expires_at
        }
        (CorrectionContent::Reversal(recorded), CorrectionAsked::Reversal { transaction }) => {
            recorded.transaction == *transaction
        }
        (CorrectionContent::Adjustment(_), CorrectionAsked::Reversal { .. })
        | (CorrectionContent::Reversal(_), CorrectionAsked::Adjustment { .. }) => false,
    }
}

fn points_of(decision: &Decision) -> Result<Amount, RecordError> {
    Ok(customer_points(&decision.postings).map_err(Refused::from)?)
}
