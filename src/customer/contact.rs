//! Customers agree that the bank may contact them, and withdraw it. Without this agreement nobody
//! becomes a lead by what they buy.

use super::contact_data::erase;
use super::refusal::CustomerRefusal;
use super::{Author, PersonalKeys};
use crate::clock::Moment;
use crate::event::{ConsentGiven, Contact};
use crate::ids::{ConsentId, PartnerId, ReferralId};
use crate::store::consents::NewConsent;
use crate::store::contacts::{self, NewContact};
use crate::store::personal::NewPersonal;
use crate::store::{Db, consents, customers, personal};
use crate::writer::{RecordError, Work, Writer};

/// Who agrees, and with whom.
#[derive(Clone, Debug)]
pub struct ContactOwner {
    /// What the bank's identity provider calls the customer.
    pub subject: String,
    /// The partner that is the bank itself, with which the consent is recorded.
    pub bank: PartnerId,
}

/// What a customer agrees to.
pub struct Agreement {
    pub contact: Contact,
    pub consent: ConsentGiven,
    pub region: String,
}

/// Records that the customer of a subject may be contacted, instead of what was agreed before.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] when no customer has the subject.
pub fn agree(
    who: &ContactOwner,
    db: &mut Db,
    agreement: Agreement,
    keys: &PersonalKeys,
    now: Moment,
) -> Result<(), CustomerRefusal> {
    let Agreement { contact, consent, region } = agreement;
    let record = ReferralId::random();
    let sealed = keys.seal(record.bytes(), &contact.to_json()?)?;
    let phone_index = keys.phone_index(&contact.phone);
    let given = NewConsent {
        id: ConsentId::random(),
        partner: &who.bank,
        given: consent,
        recorded_at: now,
    };
    db.write(|tx| {
        let customer =
            customers::by_subject(tx.db(), &who.subject)?.ok_or(CustomerRefusal::NotFound)?;
        customers::lock(tx, &[customer])?;
        erase(tx, customer, now)?;
        let consent = given.id;
        personal::insert(tx, &[NewPersonal { id: record, sealed, phone_index, recorded_at: now }])?;
        consents::insert(tx, &[given])?;
        contacts::insert(tx, &NewContact { customer, record, consent, region: &region }, now)?;
        Ok(())
    })
}

/// Withdraws the agreement, in one transaction: the data is erased, no lead is made of what the
/// customer buys, and the leads that were made so are stopped. Returns when it was withdrawn.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] when nobody agreed; [`CustomerRefusal::Write`] when nothing can be
/// recorded now.
pub async fn withdraw(who: ContactOwner, writer: &Writer) -> Result<Moment, CustomerRefusal> {
    let withdrawn = writer.run(move |work| withdraw_in(work, &who)).await?;
    withdrawn.ok_or(CustomerRefusal::NotFound)
}

fn withdraw_in(work: &mut Work<'_>, who: &ContactOwner) -> Result<Option<Moment>, RecordError> {
    let Some(customer) = customers::by_subject(work.tx.db(), &who.subject)? else {
        return Ok(None);
    };
    customers::lock(&mut work.tx, &[customer])?;
    if !erase(&mut work.tx, customer, work.now)? {
        return Ok(None);
    }
    work.stop_leads(customer, &Author::Customer(customer), None)?;
    Ok(Some(work.now))
}
