//! Quotes: what a payment would get is decided, and promised, in one transaction. The promise counts
//! against limits and budget from then on, until a payment keeps the quote or its time is over.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::error::{RecordError, WriteError};
use super::load;
use super::work::Work;
use super::{Submission, Weight, Writer};
use crate::clock::Moment;
use crate::event::{EventData, Payment};
use crate::ids::{CustomerId, EventKey, MemberKey, QuoteId};
use crate::partner::test_clock::TestClocks;
use crate::program::{
    self, Counted, Decision, Mark, Occasion, QuoteStanding, QuoteState, Standings, quote,
};
use crate::store::quotes::{self, QuoteEnd};
use crate::store::{counters, customers};

/// How long a quote is kept: a supermarket's file arrives next morning.
const KEPT_FOR: TimeDelta = TimeDelta::days(7);

/// Open quotes of a member that are looked at.
const OLDER_MAX: i64 = 20;

/// A quote, and the decision on which it rests.
#[derive(Clone, Debug)]
pub struct Quoted {
    pub id: QuoteId,
    pub quote: QuoteStanding,
    pub decision: Decision,
}

impl Writer {
    /// Decides on a payment that is only asked about, and keeps the promise. `asked_at` is the time
    /// by the partner's clock. A decision with marks promises nothing, and is not kept.
    pub async fn quote(
        &self,
        submission: Submission,
        asked_at: Moment,
    ) -> Result<Quoted, WriteError> {
        let lane = Some(submission.partner.id.clone());
        self.run_in(lane, Weight::One, move |work| work.quote(&submission, asked_at)).await
    }

    /// Ends these quotes, whose time is over, and takes off what they counted. Returns how many
    /// were still open.
    pub async fn end_quotes(&self, ids: Vec<QuoteId>) -> Result<usize, WriteError> {
        self.run_in(None, Weight::Chore, move |work| work.end_quotes(&ids)).await
    }
}

impl Work<'_> {
    fn quote(&mut self, submission: &Submission, asked_at: Moment) -> Result<Quoted, RecordError> {
        let EventData::Payment(payment) = &submission.event.data else {
            let fault = WriteError::Fault("a quote is of a payment".to_owned());
            return Err(RecordError::Answered(Box::new(fault)));
        };
        let (event, partner) = (&submission.event, &submission.partner);
        let occasion = Occasion::new(asked_at, asked_at, self.bank.time_zone);
        let clocks = TestClocks::real(asked_at);
        let standings = load::for_quote(&mut self.tx, submission, self.bank, &clocks)?;
        let mut decision = program::decide(event, partner, &mut standings.clone(), occasion)?;
        if decision.marks.contains(&Mark::DiscountSpent) {
            // The member's own older quotes may stand in the way: as many as must be, oldest first,
            // give way to the newest one.
            let (mut standings, mut ending) = (standings.clone(), Vec::new());
            for (id, quote) in self.older_quotes(submission, payment)? {
                uncount(&quote, &mut standings);
                ending.push((id, quote));
                let again = program::decide(event, partner, &mut standings.clone(), occasion)?;
                if again.marks.is_empty() {
                    for (id, quote) in &ending {
                        self.end_quote(*id, quote)?;
                    }
                    decision = again;
                    break;
                }
            }
        }
        let customer = decision.customer.unwrap_or_else(CustomerId::random);
        let quote = quote::promise(payment, partner, customer, &decision, occasion)?;
        let id = QuoteId::random();
        if decision.marks.is_empty() {
            quotes::insert(&mut self.tx, id, &quote, self.now.minus(KEPT_FOR))?;
            let promised = quote.promised.iter().map(|counted| (EventKey::of_quote(id), *counted));
            counters::apply(&mut self.tx, promised)?;
        }
        Ok(Quoted { id, quote, decision })
    }

    /// The member's open quotes of the same scheme, oldest first.
    fn older_quotes(
        &mut self,
        submission: &Submission,
        payment: &Payment,
    ) -> Result<Vec<(QuoteId, QuoteStanding)>, RecordError> {
        let member = MemberKey::of(&submission.partner.id, &payment.member);
        let open = quotes::open_of_member(self.tx.db(), member, OLDER_MAX)?;
        let mut found = quotes::load(self.tx.db(), &open)?;
        let older = open.into_iter().filter_map(|id| Some((id, found.remove(&id)?)));
        Ok(older.filter(|(_id, quote)| quote.scheme == payment.scheme).collect())
    }

    fn end_quotes(&mut self, ids: &[QuoteId]) -> Result<usize, RecordError> {
        let found = quotes::load(self.tx.db(), ids)?;
        let owners: BTreeSet<CustomerId> = found.values().map(|quote| quote.customer).collect();
        customers::lock(&mut self.tx, &owners.into_iter().collect::<Vec<_>>())?;
        let counted = found.values().flat_map(|quote| &quote.promised);
        let counted: BTreeSet<_> = counted.map(|counted| counted.counter).collect();
        counters::lock(&mut self.tx, counted.into_iter())?;
        let mut ended = 0_usize;
        // Under the locks: a payment may have kept one in the meantime.
        for (id, quote) in quotes::load(self.tx.db(), ids)? {
            if quote.state == QuoteState::Open {
                self.end_quote(id, &quote)?;
                ended = ended.saturating_add(1);
            }
        }
        Ok(ended)
    }

    /// Ends an open quote. Its customer and its counters must be locked.
    fn end_quote(&mut self, id: QuoteId, quote: &QuoteStanding) -> Result<(), RecordError> {
        if !quotes::close(&mut self.tx, id, QuoteState::Open, QuoteEnd::Ended)? {
            return Err(RecordError::Raced);
        }
        let key = EventKey::of_ended_quote(id);
        let released = quote.promised.iter().map(|counted| (key, counted.negated()));
        Ok(counters::apply(&mut self.tx, released)?)
    }
}

/// The counters as if the quote had not been made.
fn uncount(quote: &QuoteStanding, standings: &mut Standings) {
    for Counted { counter, amount, .. } in &quote.promised {
        let used = standings.counters.get(*counter);
        standings.counters.add(*counter, used.saturating_sub(*amount));
    }
}
