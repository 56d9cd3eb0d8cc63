//! Customers who agreed to be contacted, and the results of the behaviour rules for them.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::Sealed;
use crate::event::ConsentGiven;
use crate::ids::{ConsentId, CustomerId, EventKey, PartnerId, ReferralId};
use crate::store::schema::{
    behaviour_evaluations, consents, customer_contacts, events, personal_data,
};
use crate::store::{Db, LedgerTx, StoreError, consents as consent_records, types};

/// A customer's agreement to be contacted, with the records of data and consent.
pub struct NewContact<'a> {
    pub customer: CustomerId,
    /// The id of the sealed contact data.
    pub record: ReferralId,
    pub consent: ConsentId,
    pub region: &'a str,
}

/// The records of one agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptContact {
    pub record: ReferralId,
    pub consent: ConsentId,
}

/// A behaviour rule, and the period for which it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaved {
    pub rule: String,
    pub period: String,
}

/// A customer who may be contacted.
pub struct ContactRecord {
    pub customer: CustomerId,
    /// The id to which the sealed data is bound.
    pub record: ReferralId,
    pub sealed: Sealed,
    pub region: String,
    pub consent: ConsentGiven,
}

type Stored = (Vec<u8>, Vec<u8>, String, (String, Vec<u8>), Vec<u8>);

/// Stores an agreement. The customer must be locked and have none.
pub fn insert(tx: &mut LedgerTx<'_>, new: &NewContact<'_>, now: Moment) -> Result<(), StoreError> {
    let row = (
        customer_contacts::customer_id.eq(new.customer.bytes().as_slice()),
        customer_contacts::personal_id.eq(new.record.bytes().as_slice()),
        customer_contacts::consent_id.eq(new.consent.bytes().as_slice()),
        customer_contacts::region.eq(new.region),
        customer_contacts::recorded_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(customer_contacts::table).values(&row).execute(db))?;
    Ok(())
}

/// Deletes a customer's agreement and returns the records that it named. The customer must be locked.
pub fn remove(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
) -> Result<Option<KeptContact>, StoreError> {
    let own = customer_contacts::table.find(customer.bytes().as_slice());
    let kept: Option<(Vec<u8>, Vec<u8>)> = own
        .select((customer_contacts::personal_id, customer_contacts::consent_id))
        .first(tx.0)
        .optional()?;
    let Some((record, consent)) = kept else { return Ok(None) };
    diesel::delete(own).execute(tx.0)?;
    let record = types::uuid(&record, "customer_contacts.personal_id")?;
    let consent = types::uuid(&consent, "customer_contacts.consent_id")?;
    Ok(Some(KeptContact {
        record: ReferralId::from_uuid(record),
        consent: ConsentId::from_uuid(consent),
    }))
}

/// Whether this agreement of the customer stands: the same record of data, and a consent that is not
/// withdrawn. The customer must be locked.
pub fn stands(db: &mut Db, customer: CustomerId, record: ReferralId) -> Result<bool, StoreError> {
    let count: i64 = customer_contacts::table
        .inner_join(consents::table.on(consents::id.eq(customer_contacts::consent_id)))
        .filter(customer_contacts::customer_id.eq(customer.bytes().as_slice()))
        .filter(customer_contacts::personal_id.eq(record.bytes().as_slice()))
        .filter(consents::withdrawn_at.is_null())
        .count()
        .get_result(db)?;
    Ok(count > 0)
}

/// The region in which a customer may be contacted. `None`: the customer did not agree.
pub fn region(db: &mut Db, customer: CustomerId) -> Result<Option<String>, StoreError> {
    Ok(customer_contacts::table
        .find(customer.bytes().as_slice())
        .select(customer_contacts::region)
        .first(db)
        .optional()?)
}

/// The rules and periods by which a customer's behaviour made a lead.
pub fn leads_made(db: &mut Db, customer: CustomerId) -> Result<Vec<Behaved>, StoreError> {
    let made: Vec<(String, String)> = behaviour_evaluations::table
        .filter(behaviour_evaluations::customer_id.eq(customer.bytes().as_slice()))
        .filter(behaviour_evaluations::outcome.eq("lead"))
        .select((behaviour_evaluations::rule, behaviour_evaluations::period))
        .load(db)?;
    Ok(made.into_iter().map(|(rule, period)| Behaved { rule, period }).collect())
}

/// The id of the event by which a customer's behaviour is referred: the same for one rule and
/// period.
#[must_use]
pub fn event_id(rule: &str, period: &str, customer: CustomerId) -> String {
    format!("{rule}:{period}:{customer}")
}

/// A rule about behaviour, for one month.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation<'a> {
    pub rule: &'a str,
    /// Such as 2026-11.
    pub period: &'a str,
}

/// Up to `max` customers, by id and after an id, who may be contacted and for whom a rule was not yet
/// evaluated in a period.
pub fn unevaluated(
    db: &mut Db,
    evaluation: Evaluation<'_>,
    after: Option<CustomerId>,
    max: i64,
) -> Result<Vec<ContactRecord>, StoreError> {
    let after = after.map_or(Vec::new(), |id| id.bytes().to_vec());
    let done = behaviour_evaluations::table
        .filter(behaviour_evaluations::customer_id.eq(customer_contacts::customer_id))
        .filter(behaviour_evaluations::rule.eq(evaluation.rule))
        .filter(behaviour_evaluations::period.eq(evaluation.period));
    let rows: Vec<Stored> = customer_contacts::table
        .inner_join(consents::table.on(consents::id.eq(customer_contacts::consent_id)))
        .inner_join(personal_data::table.on(personal_data::id.eq(customer_contacts::personal_id)))
        .filter(customer_contacts::customer_id.gt(&after))
        .filter(consents::withdrawn_at.is_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(done)))
        .order(customer_contacts::customer_id)
        .limit(max)
        .select((
            customer_contacts::customer_id,
            customer_contacts::personal_id,
            customer_contacts::region,
            (personal_data::key_id, personal_data::sealed),
            consents::id,
        ))
        .load(db)?;
    rows.into_iter().map(|stored| ContactRecord::read(db, stored)).collect()
}

/// Stores the result of a rule for a customer.
pub fn evaluated(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    evaluation: Evaluation<'_>,
    outcome: &'static str,
    now: Moment,
) -> Result<(), StoreError> {
    let row = (
        behaviour_evaluations::customer_id.eq(customer.bytes().as_slice()),
        behaviour_evaluations::rule.eq(evaluation.rule),
        behaviour_evaluations::period.eq(evaluation.period),
        behaviour_evaluations::outcome.eq(outcome),
        behaviour_evaluations::evaluated_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(behaviour_evaluations::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(())
}

/// The stored bodies of events, by their keys.
pub fn said(
    db: &mut Db,
    keys: &[EventKey],
) -> Result<Vec<(EventKey, PartnerId, String)>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, String, String)> = both!(db, db => events::table
        .filter(events::id.eq_any(&ids))
        .select((events::id, events::partner_id, events::body))
        .load(db))?;
    rows.into_iter()
        .map(|(id, partner, body)| {
            let key = EventKey::from_bytes(types::bytes16(&id, "events.id")?);
            Ok((key, types::partner(&partner)?, body))
        })
        .collect()
}

impl ContactRecord {
    fn read(db: &mut Db, stored: Stored) -> Result<Self, StoreError> {
        let (customer, record, region, (key_id, bytes), consent) = stored;
        let column = "customer_contacts.consent_id";
        let consent = ConsentId::from_uuid(types::uuid(&consent, column)?);
        let consent = consent_records::get(db, consent)?.ok_or(StoreError::Corrupt(column))?;
        Ok(Self {
            customer: CustomerId::from_uuid(types::uuid(
                &customer,
                "customer_contacts.customer_id",
            )?),
            record: ReferralId::from_uuid(types::uuid(&record, "customer_contacts.personal_id")?),
            sealed: Sealed { key_id, bytes },
            region,
            consent: consent.given,
        })
    }
}
