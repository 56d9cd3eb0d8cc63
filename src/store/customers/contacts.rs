//! Customers who agreed to be contacted, and which behaviour rules they were held against.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::{Author, Sealed};
use crate::event::ConsentGiven;
use crate::ids::{ConsentId, CustomerId, EventId, EventKey, PartnerId, ReferralId};
use crate::store::consents::NewConsent;
use crate::store::personal::NewPersonal;
use crate::store::schema::{
    behaviour_evaluations, consents, customer_contacts, events, personal_data, referrals,
};
use crate::store::{
    Db, LedgerTx, StoreError, consents as consent_records, customer_stages, outbox, personal, types,
};

/// A customer's own word that the bank may contact them, and where.
pub struct NewContact<'a> {
    pub customer: CustomerId,
    pub personal: NewPersonal,
    pub consent: NewConsent<'a>,
    pub region: &'a str,
}

/// A customer who may be contacted.
pub struct ContactRecord {
    pub customer: CustomerId,
    /// What the sealed data is bound to.
    pub record: ReferralId,
    pub sealed: Sealed,
    pub region: String,
    pub consent: ConsentGiven,
}

type Stored = (Vec<u8>, Vec<u8>, String, (String, Vec<u8>), Vec<u8>);

/// Keeps where a customer may be contacted, instead of what was kept before. The customer must be
/// locked.
pub fn put(tx: &mut LedgerTx<'_>, new: NewContact<'_>, now: Moment) -> Result<(), StoreError> {
    withdraw(tx, new.customer, now)?;
    let (record, consent) = (new.personal.id, new.consent.id);
    personal::insert(tx, &[new.personal])?;
    consent_records::insert(tx, &[new.consent])?;
    let row = (
        customer_contacts::customer_id.eq(new.customer.bytes().as_slice()),
        customer_contacts::personal_id.eq(record.bytes().as_slice()),
        customer_contacts::consent_id.eq(consent.bytes().as_slice()),
        customer_contacts::region.eq(new.region),
        customer_contacts::recorded_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(customer_contacts::table).values(&row).execute(db))?;
    Ok(())
}

/// The customer may be contacted no more: the consent is withdrawn and the data erased. `false` when
/// there was none. The customer must be locked.
pub fn withdraw(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    now: Moment,
) -> Result<bool, StoreError> {
    let own = customer_contacts::table.find(customer.bytes().as_slice());
    let kept: Option<(Vec<u8>, Vec<u8>)> = own
        .select((customer_contacts::personal_id, customer_contacts::consent_id))
        .first(tx.0)
        .optional()?;
    let Some((record, consent)) = kept else { return Ok(false) };
    diesel::delete(own).execute(tx.0)?;
    customer_stages::look_again(tx, customer, now)?;
    let record = types::uuid(&record, "customer_contacts.personal_id")?;
    personal::delete(tx, &[ReferralId::from_uuid(record)])?;
    let consent = types::uuid(&consent, "customer_contacts.consent_id")?;
    let by = Author::Customer(customer);
    consent_records::withdraw(tx, ConsentId::from_uuid(consent), &by, None, now)?;
    Ok(true)
}

/// In which region a customer may be contacted; `None` where they did not agree to be.
pub fn region(db: &mut Db, customer: CustomerId) -> Result<Option<String>, StoreError> {
    Ok(customer_contacts::table
        .find(customer.bytes().as_slice())
        .select(customer_contacts::region)
        .first(db)
        .optional()?)
}

/// Stops what was begun by a customer's behaviour: the consents of those leads are withdrawn, what
/// waits for the CRM is cancelled, and a CRM that has them is told. Returns the leads, which are
/// still to be moved. The customer must be locked.
pub fn stop_leads(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    partner: &PartnerId,
    now: Moment,
) -> Result<Vec<ReferralId>, StoreError> {
    let made: Vec<(String, String)> = behaviour_evaluations::table
        .filter(behaviour_evaluations::customer_id.eq(customer.bytes().as_slice()))
        .filter(behaviour_evaluations::outcome.eq("lead"))
        .select((behaviour_evaluations::rule, behaviour_evaluations::period))
        .load(tx.0)?;
    let mut stopped = Vec::new();
    for (rule, period) in made {
        let Ok(event) = EventId::try_from(event_id(&rule, &period, customer)) else { continue };
        let key = EventKey::of(partner, &event);
        let found: Option<(Vec<u8>, Option<Vec<u8>>)> = referrals::table
            .filter(referrals::event_id.eq(key.bytes().as_slice()))
            .select((referrals::id, referrals::consent_id))
            .first(tx.0)
            .optional()?;
        let Some((id, consent)) = found else { continue };
        if let Some(consent) = consent {
            let consent = ConsentId::from_uuid(types::uuid(&consent, "referrals.consent_id")?);
            consent_records::withdraw(tx, consent, &Author::Customer(customer), None, now)?;
        }
        let id = ReferralId::from_uuid(types::uuid(&id, "referrals.id")?);
        outbox::consent_withdrawn(tx, id, now)?;
        stopped.push(id);
    }
    Ok(stopped)
}

/// The id under which a customer's behaviour is referred: the same for the same rule and period.
#[must_use]
pub fn event_id(rule: &str, period: &str, customer: CustomerId) -> String {
    format!("{rule}:{period}:{customer}")
}

/// Customers who may be contacted and were not yet held against a rule for a period: so many at
/// most.
pub fn unevaluated(
    db: &mut Db,
    (rule, period): (&str, &str),
    max: i64,
) -> Result<Vec<ContactRecord>, StoreError> {
    let done = behaviour_evaluations::table
        .filter(behaviour_evaluations::customer_id.eq(customer_contacts::customer_id))
        .filter(behaviour_evaluations::rule.eq(rule))
        .filter(behaviour_evaluations::period.eq(period));
    let rows: Vec<Stored> = customer_contacts::table
        .inner_join(consents::table.on(consents::id.eq(customer_contacts::consent_id)))
        .inner_join(personal_data::table.on(personal_data::id.eq(customer_contacts::personal_id)))
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

/// Notes what came of holding a customer against a rule.
pub fn evaluated(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    (rule, period): (&str, &str),
    outcome: &'static str,
    now: Moment,
) -> Result<(), StoreError> {
    let row = (
        behaviour_evaluations::customer_id.eq(customer.bytes().as_slice()),
        behaviour_evaluations::rule.eq(rule),
        behaviour_evaluations::period.eq(period),
        behaviour_evaluations::outcome.eq(outcome),
        behaviour_evaluations::evaluated_at.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(behaviour_evaluations::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(())
}

/// Events as they were said, by their keys.
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

/// A consent of a customer's own, recorded with the partner that is the bank itself.
#[must_use]
pub fn consent<'a>(
    partner: &'a PartnerId,
    given: &'a ConsentGiven,
    recorded_at: Moment,
) -> NewConsent<'a> {
    NewConsent { id: ConsentId::random(), partner, given: given.clone(), recorded_at }
}
