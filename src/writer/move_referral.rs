//! One move of a referral in one transaction: the move, what it posts, and the message to the CRM if
//! it makes a lead. All movers come through here: CRM, staff, the person who withdraws, and time.

use super::Writer;
use super::announce::{self, News, announce};
use super::draft::{About, Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::work::Work;
use crate::clock::Moment;
use crate::ids::{CounterKey, EventKey, ReferralId, RuleId, TransactionId};
use crate::ledger::TransactionKind;
use crate::partner::reward::RewardStage;
use crate::program::refer::LeadOf;
use crate::program::referral_shares;
use crate::program::reward::{self, RewardReceiver};
use crate::program::{self, Counted, Counters, HeldReason, Refusal};
use crate::referral::lifecycle::NOT_PROCEEDING;
use crate::referral::{
    Actor, Advance, IllegalMove, Move, ReferralState, ReferralStep, Terms, Wanted,
};
use crate::store::outbox::Destination;
use crate::store::referral_moves::{MoveRecord, NewMove};
use crate::store::referrals::ReferralRecord;
use crate::store::{
    LedgerTx, StoreError, counters, freezes, outbox, personal, referral_claims,
    referral_confirmations, referral_moves, referral_rewards, referrals,
};

/// Why a referral has come to its end.
const ALL_GIVEN: &str = "All that was promised for it is given.";

/// What became of a move. When it is given, it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferralMoved {
    pub referral: ReferralId,
    pub state: ReferralState,
    /// Whether the referral had made the move before: nothing was done this time.
    pub replayed: bool,
    /// What it posted, if anything.
    pub transaction: Option<TransactionId>,
    /// Whether a lead was queued for the CRM.
    pub lead: bool,
}

/// Why a referral is not moved. Nothing is recorded.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum MoveRefusal {
    #[error("no referral of that id is recorded")]
    Unknown,
    #[error(
        "whoever released {max} referrals in a day releases no more; another person must decide"
    )]
    ReleasesSpent { max: u32 },
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    #[error(transparent)]
    Rules(#[from] Refusal),
}

/// A referral under its lock.
pub(super) struct Held {
    pub(super) record: ReferralRecord,
    pub(super) terms: Terms,
    /// The id by which the rules know the product.
    pub(super) product: RuleId,
    passed: Vec<MoveRecord>,
    /// When the person confirmed it, if they did.
    pub(super) confirmed_at: Option<Moment>,
}

/// Why commissions leave their reservation.
#[derive(Clone, Copy)]
pub(super) struct Maturing {
    pub(super) state: ReferralState,
    pub(super) reason: &'static str,
}

impl Writer {
    /// Moves a referral, and waits until that is durable or refused.
    ///
    /// # Errors
    /// [`WriteError::Move`] when the referral is unknown, or its state does not allow the move.
    pub async fn move_referral(&self, order: Move) -> Result<ReferralMoved, WriteError> {
        self.run(move |work| work.move_referral(&order)).await
    }
}

/// What a step would have brought, why it is held, and the transaction whose receipt says so.
pub(super) struct HeldBack<'a> {
    pub step: ReferralStep,
    pub why: &'a HeldReason,
    pub transaction: TransactionId,
}

/// The moves that an order came to, and what they posted.
struct Made<'a> {
    path: &'a [Advance],
    transaction: Option<TransactionId>,
    now: Moment,
}

impl Work<'_> {
    /// Makes one move in the transaction, or nothing of it. A move to a state that the referral
    /// has passed already is answered as done, so that a caller who got no answer may retry.
    pub fn move_referral(&mut self, order: &Move) -> Result<ReferralMoved, RecordError> {
        let now = self.now;
        let mut held = self.hold(order.referral)?;
        let to = order.step.to();
        if held.passed.iter().any(|passed| passed.state == to && is_same(order, passed)) {
            let (referral, state) = (order.referral, held.record.state);
            return Ok(ReferralMoved {
                referral,
                state,
                replayed: true,
                transaction: None,
                lead: false,
            });
        }
        let mut path = held.path(order.step)?;
        self.refuse_decision(&held.record, order)?;
        self.count_release(order)?;
        let partners_now = self.time_of(&held.record.partner)?;
        let given = self.decide_move(&held, order, partners_now)?;
        let mut decision = self.weigh_move(&held, order, partners_now, given)?;
        let held_back = decision.held.clone();
        if held_back.is_some() {
            // What was promised is not given yet.
            path.truncate(1);
        }
        let rewards = std::mem::take(&mut decision.rewards);
        let mut drafts = Drafts::default();
        let mut transaction = None;
        if !decision.postings.is_empty() || held_back.is_some() {
            let kind = kind_of(order.step);
            let about = About { id: order.referral, state: to, reason: order.step.reason() };
            let draft = Draft::of_move(kind, decision, about, now)?;
            transaction = Some(draft.transaction_id());
            drafts.push(draft);
        }
        let matured = self.matured_by_contact(&held, order, partners_now, &mut drafts)?;
        let tx = &mut self.tx;
        drafts.write(tx, now)?;
        for number in matured {
            if !referral_rewards::mature(tx, order.referral, number)? {
                return Err(RecordError::Raced);
            }
        }
        if let Some(transaction) = transaction {
            referral_rewards::insert(tx, order.referral, transaction, &rewards)?;
        }
        if let (Some(why), Some(transaction)) = (&held_back, transaction) {
            self.hold_reward(&held, &HeldBack { step: order.step, why, transaction })?;
        }
        let tx = &mut self.tx;
        held.record_moves(tx, order, &Made { path: &path, transaction, now })?;
        self.follow_move(&mut held, order, partners_now)?;
        let tx = &mut self.tx;
        let state = path.last().map_or(held.record.state, |last| last.to());
        held.let_go(tx, state)?;
        self.wake_relay();
        let lead = order.step == ReferralStep::Release;
        Ok(ReferralMoved { referral: order.referral, state, replayed: false, transaction, lead })
    }

    /// What else comes of a move: the claim on the person, the lead, the person's data, what is held.
    fn follow_move(
        &mut self,
        held: &mut Held,
        order: &Move,
        partners_now: Moment,
    ) -> Result<(), RecordError> {
        if order.step.to().is_met() {
            // From now on the person belongs to the referral as long as the product says.
            referral_claims::keep_until(&mut self.tx, order.referral, held.record.expires_at)?;
        }
        if order.step == ReferralStep::Release {
            self.queue_lead(held, partners_now)?;
        }
        let (now, tx) = (self.now, &mut self.tx);
        if order.step == ReferralStep::Reject {
            // The bank has no use for the person's data any more.
            personal::delete(tx, &[order.referral])?;
        }
        if order.step == ReferralStep::Expire {
            // Nobody is to work on what was not delivered yet.
            outbox::cancel(tx, Destination::Crm, order.referral.bytes(), now)?;
        }
        self.close_held(&held.record, order)?;
        if order.step == ReferralStep::Cancel {
            self.close_rewards(&held.record)?;
        }
        Ok(())
    }

    pub(super) fn hold(&mut self, id: ReferralId) -> Result<Held, RecordError> {
        let tx = &mut self.tx;
        let record = referrals::lock(tx, id)?.ok_or(MoveRefusal::Unknown)?;
        let passed = referral_moves::of(tx.db(), id)?;
        let product = RuleId::try_from(record.product.as_str())
            .map_err(|_invalid| StoreError::Corrupt("referrals.product"))?;
        let terms = match &record.terms {
            Some(terms) => terms.clone(),
            None => self.terms_of(&record, &product),
        };
        let confirmed_at = referral_confirmations::of(self.tx.db(), id)?;
        Ok(Held { record, terms, product, passed, confirmed_at })
    }

    /// What was promised for a referral that was recorded before its terms were kept with it.
    fn terms_of(&self, record: &ReferralRecord, product: &RuleId) -> Terms {
        let day = record.effective_at.day_in(self.bank.time_zone);
        let partner = self.bank.registry.get(&record.partner);
        let product = partner.as_ref().and_then(|it| it.scheme.product_on(product, day));
        product.map_or(Terms::none(), Terms::of)
    }

    /// The commissions that only waited for the first contact may be paid with it. Returns their
    /// numbers; their transactions are added to the drafts.
    fn matured_by_contact(
        &mut self,
        held: &Held,
        order: &Move,
        partners_now: Moment,
        drafts: &mut Drafts<'_>,
    ) -> Result<Vec<usize>, RecordError> {
        if !order.step.to().is_met() || held.is_met() {
            return Ok(Vec::new());
        }
        let why = Maturing { state: order.step.to(), reason: order.step.reason() };
        self.mature_reserved(held, why, partners_now, drafts)
    }

    /// Commissions whose day has come may be paid, because the person is known to be there. Returns
    /// their numbers; their transactions are added to the drafts.
    pub(super) fn mature_reserved(
        &mut self,
        held: &Held,
        why: Maturing,
        partners_now: Moment,
        drafts: &mut Drafts<'_>,
    ) -> Result<Vec<usize>, RecordError> {
        let mut numbers = Vec::new();
        let (id, partner) = (held.record.id, &held.record.partner);
        // Those of a frozen partner stay reserved until the freeze is lifted.
        if freezes::is_frozen_throughout(&mut self.tx, partner)? {
            return Ok(numbers);
        }
        for given in referral_rewards::standing(self.tx.db(), id)? {
            let pending = matches!(given.to, RewardReceiver::Partner { pending: true });
            if pending && given.matures_at.is_none_or(|at| at <= partners_now) {
                let decision = reward::mature(partner, given.amount).map_err(MoveRefusal::from)?;
                let about = About { id, state: why.state, reason: why.reason };
                let kind = TransactionKind::CommissionMatured;
                drafts.push(Draft::of_move(kind, decision, about, self.now)?);
                numbers.push(given.number);
            }
        }
        Ok(numbers)
    }

    /// A referral that was on hold becomes a lead: it gets a customer manager and an end date.
    fn queue_lead(&mut self, held: &mut Held, partners_now: Moment) -> Result<(), RecordError> {
        let (now, tx) = (self.now, &mut self.tx);
        let programme = self.bank.registry.programme();
        let region = held.record.region.clone();
        let partner = held.record.partner.clone();
        let branch = programme.branch.iter().find(|it| it.serves(&held.product, &region));
        let loads = program::loads(&programme.branch, &held.product, &region);
        let loads = loads.chain(branch.map(|it| referral_shares::of_branch(&it.id, &partner)));
        let counted = counted(tx, &loads.collect::<Vec<CounterKey>>())?;
        let wanted = Wanted { product: &held.product, region: &region };
        let placement = &mut held.record.placement;
        let whose = LeadOf { partner: &partner, programme: &programme };
        let placed = program::refer::place(placement, whose, wanted, &counted);
        let key = EventKey::of_lead(held.record.id);
        let placed = placed.manager.into_iter().chain(placed.branch);
        counters::apply(tx, placed.map(|counted| (key, counted)))?;
        held.record.expires_at = held.terms.expires_at(partners_now);
        held.record.terms.get_or_insert_with(|| held.terms.clone());
        referrals::place(tx, &held.record)?;
        let limits = &programme.referrals;
        let until = limits.unconfirmed_until(now, held.record.expires_at);
        referral_claims::keep_until(tx, held.record.id, Some(until))?;
        outbox::lead_changed(tx, held.record.id, now)?;
        Ok(())
    }
}

impl Held {
    /// The moves that a step comes to: one, and a second where with it all that was promised is
    /// given.
    fn path(&self, step: ReferralStep) -> Result<Vec<Advance>, IllegalMove> {
        let first = self.record.state.advance(step.to())?;
        let whole = step == ReferralStep::Convert
            && !self.terms.rewards.is_empty()
            && !self.terms.has(RewardStage::FirstRepayment);
        let mut path = vec![first];
        if whole {
            path.push(first.to().advance(ReferralState::Rewarded)?);
        }
        Ok(path)
    }

    /// What an end frees: the person for another referral, the customer manager for another lead.
    fn let_go(&self, tx: &mut LedgerTx<'_>, state: ReferralState) -> Result<(), StoreError> {
        let id = self.record.id;
        if state.frees_the_person() {
            referral_claims::free(tx, id)?;
        }
        let freed = self.freed(state);
        // Leads of the release before have no place to give back.
        let places = counted(tx, &freed)?;
        let freed = freed.into_iter().filter(|counter| places.get(*counter) > 0);
        let key = EventKey::of_closed_lead(id);
        let freed: Vec<_> = freed.map(|counter| (key, Counted::times(counter, -1))).collect();
        counters::apply(tx, freed.into_iter())
    }

    /// The places that the referral gives back when it comes to that state.
    pub(super) fn freed(&self, state: ReferralState) -> Vec<CounterKey> {
        let (was, partner) = (self.record.state, &self.record.partner);
        let mut freed = Vec::new();
        if was == ReferralState::OnHold && state != ReferralState::OnHold {
            freed.push(referral_shares::held(partner));
        }
        if was.is_open() && !state.is_open() {
            freed.push(referral_shares::open(partner));
            let manager = self.record.placement.manager.as_ref();
            let manager = manager.filter(|_| was != ReferralState::OnHold);
            freed.extend(manager.map(program::open_leads));
            let branch = self.record.placement.branch.as_ref().filter(|_| manager.is_some());
            freed.extend(branch.map(|branch| referral_shares::of_branch(branch, partner)));
        }
        freed
    }

    /// Whether somebody has talked to the person.
    pub(super) fn is_met(&self) -> bool {
        self.passed.iter().any(|passed| passed.state.is_met())
    }

    /// Records that all that was promised is given, where that came after the conversion.
    pub(super) fn record_rewarded(
        &self,
        tx: &mut LedgerTx<'_>,
        now: Moment,
    ) -> Result<(), RecordError> {
        let whole = self.record.state == ReferralState::Converted
            && !self.terms.has(RewardStage::FirstRepayment);
        if !whole {
            return Ok(());
        }
        let advance = self.record.state.advance(ReferralState::Rewarded);
        let made = NewMove {
            referral: self.record.id,
            seq: self.passed.last().map_or(0, |last| last.seq).saturating_add(1),
            advance: advance.map_err(MoveRefusal::from)?,
            by: &Actor::Program("rules"),
            reason: ALL_GIVEN,
            finding: None,
            transaction: None,
        };
        referral_moves::record(tx, std::slice::from_ref(&made), now)?;
        let news = announce::of_referral(&self.record, ReferralState::Rewarded, made.seq);
        announce(tx, news.as_slice(), now)?;
        Ok(())
    }

    fn record_moves(
        &self,
        tx: &mut LedgerTx<'_>,
        order: &Move,
        made: &Made<'_>,
    ) -> Result<(), StoreError> {
        let Made { path, transaction, now } = *made;
        let last = self.passed.last().map_or(0, |last| last.seq);
        let own = Actor::Program("rules");
        let moves: Vec<NewMove<'_>> = (last.saturating_add(1)..)
            .zip(path)
            .enumerate()
            .map(|(number, (seq, advance))| NewMove {
                referral: order.referral,
                seq,
                advance: *advance,
                by: if number == 0 { &order.by } else { &own },
                reason: if number == 0 { order.step.reason() } else { ALL_GIVEN },
                finding: order.finding.as_deref().filter(|_| number == 0),
                transaction: transaction.filter(|_| number == 0),
            })
            .collect();
        referral_moves::record(tx, &moves, now)?;
        let record = &self.record;
        let news: Vec<News<'_>> = moves
            .iter()
            .filter_map(|made| announce::of_referral(record, made.advance.to(), made.seq))
            .collect();
        announce(tx, &news, now)?;
        Ok(())
    }
}

/// The kind of the transaction that a step posts.
const fn kind_of(step: ReferralStep) -> TransactionKind {
    match step {
        ReferralStep::Cancel
        | ReferralStep::Lose
        | ReferralStep::Expire
        | ReferralStep::Withdraw => TransactionKind::ClawedBack,
        ReferralStep::Release
        | ReferralStep::Reject
        | ReferralStep::Send
        | ReferralStep::Contact
        | ReferralStep::Convert
        | ReferralStep::Repay => TransactionKind::Rewarded,
    }
}

/// Whether a move that was made is the one that is asked for. What a person decided on is theirs:
/// another's decision is not the same one.
fn is_same(order: &Move, passed: &MoveRecord) -> bool {
    match order.step {
        ReferralStep::Release => passed.seq > 2 && passed.actor == order.by.to_string(),
        ReferralStep::Reject => {
            passed.reason == NOT_PROCEEDING && passed.actor == order.by.to_string()
        }
        _ => true,
    }
}

/// Counters that are shared, under their locks.
pub(super) fn counted(tx: &mut LedgerTx<'_>, keys: &[CounterKey]) -> Result<Counters, StoreError> {
    counters::lock(tx, keys.iter().copied())?;
    let mut counted = Counters::default();
    for (key, value) in counters::load(tx.db(), keys)? {
        counted.add(key, value);
    }
    Ok(counted)
}
