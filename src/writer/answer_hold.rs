//! A customer confirms a redemption that waits for them, or declines it. The answer is a transaction of
//! its own, so that it is sealed, and the partner is told.

use super::Writer;
use super::announce::{self, News, announce};
use super::draft::{Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::load::load_customer_lots;
use super::work::Work;
use crate::ids::{EventKey, LotId, PartnerId};
use crate::ledger::TransactionKind;
use crate::program::{self, AskedOf, Confirmation, CustomerAnswer, Refusal};
use crate::store::holds::AskedHold;
use crate::store::outbox::Kind;
use crate::store::{customers, holds};

/// Who answers.
#[derive(Clone, Debug)]
pub enum Answerer {
    /// The customer whom the bank's identity provider calls so.
    Subject(String),
    /// A partner on trial, which plays its customers.
    Trial(PartnerId),
}

/// A customer's answer about a hold.
#[derive(Clone, Debug)]
pub struct AnswerOrder {
    pub hold: EventKey,
    pub by: Answerer,
    pub answer: CustomerAnswer,
}

/// What came of an answer.
pub enum Answered {
    Done(AskedHold),
    /// The same was said before.
    Replayed(AskedHold),
    /// There is no such hold that waited for this customer.
    Unknown,
    /// It does not wait any more.
    Closed {
        state: &'static str,
    },
}

impl Writer {
    /// Records a customer's answer, and waits until that is durable.
    ///
    /// # Errors
    /// [`WriteError`] of the store or of the rules.
    pub async fn answer_hold(&self, order: AnswerOrder) -> Result<Answered, WriteError> {
        self.run(move |work| work.answer_hold(&order)).await
    }
}

impl Work<'_> {
    fn answer_hold(&mut self, order: &AnswerOrder) -> Result<Answered, RecordError> {
        let Some(asked) = self.asked_of(order)? else { return Ok(Answered::Unknown) };
        customers::lock(&mut self.tx, &[asked.customer])?;
        let found = holds::load(self.tx.db(), &[order.hold])?.remove(&order.hold);
        let Some(hold) = found else { return Ok(Answered::Unknown) };
        let said = match order.answer {
            CustomerAnswer::Confirm => Confirmation::Confirmed,
            CustomerAnswer::Decline => Confirmation::Declined,
        };
        if hold.confirmation == said {
            return Ok(Answered::Replayed(AskedHold { confirmation: said, ..asked }));
        }
        let now = self.time_of(&asked.partner)?;
        let own: Vec<LotId> = hold.lots().collect();
        let lots = load_customer_lots(&mut self.tx, &[asked.customer], &own)?;
        let about = AskedOf { partner: asked.partner.clone(), hold: asked.event.clone() };
        let decided = program::answer_hold(order.answer, about, &hold, now, &lots);
        let mut decision = match decided {
            Ok(decision) => decision,
            Err(Refusal::HoldClosed { state }) => return Ok(Answered::Closed { state }),
            Err(refusal) => return Err(refusal.into()),
        };
        decision.refers_to = Some(order.hold);
        let (kind, news) = match order.answer {
            CustomerAnswer::Confirm => (TransactionKind::Confirmed, Kind::RedemptionConfirmed),
            CustomerAnswer::Decline => (TransactionKind::Declined, Kind::RedemptionDeclined),
        };
        let mut drafts = Drafts::default();
        drafts.push(Draft::of_correction(kind, decision, self.now)?);
        drafts.write(&mut self.tx, self.now)?;
        let data = announce::Data::Answered { event: &asked.event };
        let (partner, subject) = (&asked.partner, *order.hold.bytes());
        let news = [News { partner, kind: news, subject, revision: 1, data }];
        if announce(&mut self.tx, &news, self.now)? > 0 {
            self.wake_relay();
        }
        Ok(Answered::Done(AskedHold { confirmation: said, ..asked }))
    }

    /// The hold that was asked about, if the question is the answerer's.
    fn asked_of(&mut self, order: &AnswerOrder) -> Result<Option<AskedHold>, RecordError> {
        let Some(asked) = holds::asked(self.tx.db(), order.hold)? else { return Ok(None) };
        let is_own = match &order.by {
            Answerer::Subject(subject) => {
                customers::by_subject(self.tx.db(), subject)? == Some(asked.customer)
            }
            Answerer::Trial(partner) => *partner == asked.partner,
        };
        Ok(is_own.then_some(asked))
    }
}
