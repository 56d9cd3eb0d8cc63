//! Leads that no partner introduced. Customers who agreed to be contacted are checked against the
//! programme's behaviour rules, once for each period and in bounded rounds. For a customer
//! who meets a rule, a referral is made by the partner that is the bank itself. Its id names the
//! customer, the rule and the period. So there is one lead only, even after a restart or with
//! several gateways.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;

use crate::clock::{self, Moment};
use crate::customer::personal::SealError;
use crate::event::{self, Contact, Event, EventData, Payment, Referral};
use crate::ids::{CustomerId, EventId, EventKey, PartnerId};
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::behaviour::{Behaviour, Period};
use crate::partner::{Partner, PartnerKind, Registry};
use crate::program::Judging;
use crate::secrets::keys::Keys;
use crate::store::contacts::{self, ContactRecord, Evaluation};
use crate::store::{Db, Pool, StoreError, transactions};
use crate::task::{Chore, Round, Turn};
use crate::writer::{BehaviourLead, BehaviourOutcome, Submission, WriteError, Writer};

/// What a search works with.
#[derive(Clone)]
pub struct Search {
    pub pool: Pool,
    pub writer: Writer,
    pub registry: Arc<Registry>,
    pub keys: Keys,
    pub time_zone: Tz,
}

/// Customers in one round.
const CUSTOMERS_MAX: i64 = 50;

/// Entries of a customer read at once.
const LINES_MAX: i64 = 200;

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum BehaviourError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Range(#[from] AmountError),
    #[error("a customer's lead cannot be put as a referral: {0}")]
    Malformed(String),
    #[error("the behaviour rules name {0}, which is no partner's folder")]
    PartnerUnknown(PartnerId),
}

/// A customer whom a rule makes a lead: the record of the agreement, and the person opened from it.
struct Candidate<'a> {
    contact: &'a ContactRecord,
    person: &'a Contact,
}

impl BehaviourError {
    /// Whether another customer may fare better.
    fn is_of_one_customer(&self) -> bool {
        match self {
            Self::Seal(_) | Self::Range(_) | Self::Malformed(_) => true,
            Self::Store(error) => !error.is_passing(),
            Self::Write(error) => !error.is_passing(),
            Self::PartnerUnknown(_) => false,
        }
    }
}

impl Chore for Search {
    type Error = BehaviourError;

    async fn round(&mut self, _turn: Turn) -> Result<Round, BehaviourError> {
        let looked_at = self.look(clock::now()).await?;
        Ok(if looked_at == 0 { Round::Done } else { Round::More })
    }
}

impl Search {
    /// Holds some customers against each rule; returns for how many that is done, none when nothing
    /// is left that can be done now. A customer for whom it fails is passed over until the next
    /// look, so that nobody else waits.
    ///
    /// # Errors
    /// [`BehaviourError`] when no customer can be checked against a rule now. What was recorded stays.
    pub async fn look(&self, now: Moment) -> Result<usize, BehaviourError> {
        let programme = self.registry.programme();
        let mut done = 0_usize;
        for rule in &programme.behaviour {
            let period = rule.period(now.day_in(self.time_zone));
            let mut after = None;
            loop {
                let (name, month) = (rule.id.to_string(), period.name());
                let page = self
                    .read(move |db| {
                        let evaluation = Evaluation { rule: &name, period: &month };
                        contacts::unevaluated(db, evaluation, after, CUSTOMERS_MAX)
                    })
                    .await?;
                let Some(last) = page.last() else { break };
                after = Some(last.customer);
                let done_before = done;
                for contact in page {
                    let customer = contact.customer;
                    match self.evaluate(rule, &period, contact, now).await {
                        Ok(()) => done = done.saturating_add(1),
                        Err(error) if error.is_of_one_customer() => {
                            tracing::error!(%error, %customer, "a customer's behaviour is passed over");
                        }
                        Err(error) => return Err(error),
                    }
                }
                if done > done_before {
                    break;
                }
            }
        }
        Ok(done)
    }

    async fn evaluate(
        &self,
        rule: &Behaviour,
        period: &Period,
        contact: ContactRecord,
        now: Moment,
    ) -> Result<(), BehaviourError> {
        let customer = contact.customer;
        let (spent_in, zone) = (period.clone(), self.time_zone);
        let places = self.places(rule.partner_kind);
        let spent = self.read(move |db| spent(db, customer, &places, &spent_in, zone)).await?;
        let regular = spent.len() == period.months.len()
            && spent.iter().all(|month| month.minor() >= rule.spend.minor());
        if regular {
            return self.refer(rule, period, &contact, now).await;
        }
        let (name, month) = (rule.id.to_string(), period.name());
        let noted = self.writer.run(move |work| {
            let now = work.now;
            let evaluation = Evaluation { rule: &name, period: &month };
            Ok(contacts::evaluated(&mut work.tx, customer, evaluation, "below", now)?)
        });
        Ok(noted.await?)
    }

    /// Partners of a kind.
    fn places(&self, kind: PartnerKind) -> Vec<PartnerId> {
        let partners = self.registry.now();
        let of_kind = partners.iter().filter(|partner| partner.kind == kind);
        of_kind.map(|partner| partner.id.clone()).collect()
    }

    /// Hands the lead in as a referral by the bank itself. The writer asks again whether the
    /// customer still agrees.
    async fn refer(
        &self,
        rule: &Behaviour,
        period: &Period,
        contact: &ContactRecord,
        now: Moment,
    ) -> Result<(), BehaviourError> {
        let by = &rule.introduced_by;
        let partner =
            self.registry.get(by).ok_or_else(|| BehaviourError::PartnerUnknown(by.clone()))?;
        let plain = self.keys.personal.open(contact.record.bytes(), &contact.sealed)?;
        let person = Contact::from_json(&plain).ok_or(SealError::Open)?;
        let candidate = Candidate { contact, person: &person };
        let event = self.event(rule, period, &candidate, now)?;
        let lead = BehaviourLead {
            submission: Submission { partner, event, signed: None, judging: Judging::InForce },
            customer: contact.customer,
            record: contact.record,
            rule: rule.id.to_string(),
            period: period.name(),
        };
        if let BehaviourOutcome::Refused(refusal) = self.writer.refer_by_behaviour(lead).await? {
            tracing::warn!(%refusal, rule = %rule.id, "a lead by behaviour is refused");
        }
        Ok(())
    }

    /// The referral as an event. Its id names the rule, the period and the customer.
    fn event(
        &self,
        rule: &Behaviour,
        period: &Period,
        candidate: &Candidate<'_>,
        now: Moment,
    ) -> Result<Event, BehaviourError> {
        let Candidate { contact, person } = candidate;
        let given = &contact.consent;
        let digest: String = given.text_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let value = json!({
            "specversion": "1.0",
            "id": contacts::event_id(rule.id.as_str(), &period.name(), contact.customer),
            "source": "/behaviour",
            "type": Referral::TYPE,
            "time": now.to_string(),
            "data": {
                "product": rule.product,
                "currency": rule.amount.asset(),
                "amount": rule.amount,
                "region": contact.region,
                "contact": {
                    "name": person.name, "phone": person.phone, "email": person.email,
                    "document": person.document, "address": person.address,
                },
                "consent": {
                    "purpose": given.purpose, "text_version": given.text_version,
                    "text_sha256": digest, "channel": given.channel,
                    "evidence": given.evidence, "given_at": given.given_at,
                },
            },
        });
        let read = event::parse_value(
            &rule.introduced_by,
            &self.registry.programme().limits,
            &value,
            &self.keys.fingerprint,
        );
        read.map_err(|malformed| BehaviourError::Malformed(malformed.in_words()))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, BehaviourError> {
        let pool = self.pool.clone();
        let done = tokio::task::spawn_blocking(move || pool.with(work)).await;
        Ok(done.map_err(|_cancelled| WriteError::Stopped)??)
    }
}

/// What a payment's receipt says of its event.
#[derive(Deserialize)]
struct OfEvent {
    partner: PartnerId,
    event: EventId,
}

/// What a customer paid with a discount, less refunds, in each month of a period at some partners;
/// of payments that brought points.
fn spent(
    db: &mut Db,
    customer: CustomerId,
    places: &[PartnerId],
    period: &Period,
    zone: Tz,
) -> Result<Vec<Amount>, StoreError> {
    let mut spent = vec![Amount::zero(Asset::CNY); period.months.len()];
    let Some(start) = period.months.first().map(|first| Moment::start_of(*first, zone)) else {
        return Ok(spent);
    };
    let mut keys = Vec::new();
    for code in [AccountCode::POINTS_AVAILABLE, AccountCode::POINTS_PENDING] {
        keys.extend(payments(db, &Account::customer(code, customer, Asset::PTS), start)?);
    }
    let discounted = discounted(db, &keys, places)?;
    let standings = db.write(|tx| transactions::payments(tx, &keys))?;
    for (key, standing) in standings {
        let month = period.month_of(standing.effective_at.day_in(zone));
        if let Some(sum) = month.and_then(|month| spent.get_mut(month))
            && discounted.contains_key(&key)
        {
            let net = standing.paid.checked_sub(standing.refunded);
            let added = net.and_then(|net| sum.checked_add(net));
            *sum = added.map_err(|_range| StoreError::OutOfRange)?;
        }
    }
    Ok(spent)
}

/// The payments behind the entries on an account that were recorded since, newest first: what
/// happened in a period was not recorded before it.
pub fn payments(
    db: &mut Db,
    account: &Account,
    since: Moment,
) -> Result<Vec<EventKey>, StoreError> {
    let since = since.minus(TimeDelta::hours(1));
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let lines = transactions::history(db, account, after, LINES_MAX)?;
        let Some(last) = lines.last() else { return Ok(keys) };
        let (place, over) = (last.place, last.recorded_at < since);
        for line in lines.iter().filter(|line| line.kind == Payment::TYPE) {
            let OfEvent { partner, event } = serde_json::from_str(&line.receipt)
                .map_err(|_malformed| StoreError::Corrupt("transactions.receipt"))?;
            keys.push(EventKey::of(&partner, &event));
        }
        if over {
            return Ok(keys);
        }
        after = Some(place);
    }
}

/// Those of these payments that were made at these partners with a discount.
fn discounted(
    db: &mut Db,
    keys: &[EventKey],
    places: &[PartnerId],
) -> Result<HashMap<EventKey, Amount>, StoreError> {
    let mut found = HashMap::new();
    for (key, partner, body) in contacts::said(db, keys)? {
        if !places.contains(&partner) {
            continue;
        }
        let said = event::parse_recorded(&partner, &body)
            .map_err(|_malformed| StoreError::Corrupt("events.body"))?;
        if let EventData::Payment(payment) = said.data
            && !payment.discount.is_zero()
        {
            found.insert(key, payment.discount);
        }
    }
    Ok(found)
}

/// The bank's own folder, which customers' consents are recorded with.
#[must_use]
pub fn own(registry: &Registry) -> Option<Arc<Partner>> {
    let programme = registry.programme();
    programme.behaviour.first().and_then(|rule| registry.get(&rule.introduced_by))
}
