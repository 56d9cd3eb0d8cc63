//! Collecting all that is held about a person, for the person or for staff who answer for them. Each
//! collection is recorded as a reading, and readings are part of what is held.

use serde_json::Value;

use super::certificate::Erased;
use super::consent_receipt::receipt_for;
use super::person_data::{
    Announced, ContactData, Entry, Erasure, Member, Membership, PersonData, Read, Referred,
    StageSince,
};
use super::personal::{PersonalKeys, SealError};
use super::points::sentences;
use super::reading::{DataReader, DataSubject, Reading};
use super::refusal::CustomerRefusal;
use crate::clock::Moment;
use crate::event::Contact;
use crate::ids::{CustomerId, MemberRef, PartnerId, StaffId};
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::store::erasures::ErasureRecord;
use crate::store::readings::ReadingRecord;
use crate::store::referrals::ReferralRecord;
use crate::store::transactions::HistoryLine;
use crate::store::{
    Db, LedgerTx, StoreError, accounts, announcements, consents, customer_stages, customers,
    erasures, lots, personal, readings, referrals, signatures, transactions,
};

const READINGS_MAX: i64 = 1_000;
const ENTRIES_MAX: i64 = 10_000;
/// Referrals that name one phone number.
const REFERRALS_MAX: i64 = 1_000;

/// The person whom staff ask about.
#[derive(Clone, Debug)]
pub enum Person {
    Member {
        partner: PartnerId,
        member: MemberRef,
    },
    /// In E.164 (`+8613800000000`).
    Phone(String),
}

/// A question of staff about a person.
#[derive(Clone, Debug)]
pub struct PersonQuestion {
    pub person: Person,
    /// Why they ask, without personal data.
    pub purpose: String,
}

/// All that is held about the customer of a subject, who asks.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] for a subject that no customer has.
pub fn read_own(
    subject: &str,
    db: &mut Db,
    keys: &PersonalKeys,
    now: Moment,
) -> Result<PersonData, CustomerRefusal> {
    db.write(|tx| {
        let found = customers::by_subject(tx.db(), subject)?;
        let id = found.ok_or(CustomerRefusal::NotFound)?;
        let purpose = "to answer the person themselves".to_owned();
        let reading = Reading { reader: DataReader::Customer(id), purpose };
        of_customer(tx, keys, id, &reading, now)
    })
}

/// All that is held about the person whom staff ask about.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] when nothing is held.
pub fn find(
    who: StaffId,
    db: &mut Db,
    keys: &PersonalKeys,
    question: PersonQuestion,
    now: Moment,
) -> Result<PersonData, CustomerRefusal> {
    let PersonQuestion { person, purpose } = question;
    let reading = Reading { reader: DataReader::Staff(who), purpose };
    db.write(|tx| match &person {
        Person::Member { partner, member } => {
            let found = customers::by_member(tx.db(), partner, member)?;
            of_customer(tx, keys, found.ok_or(CustomerRefusal::NotFound)?, &reading, now)
        }
        Person::Phone(phone) => {
            let ids = personal::by_phone(tx.db(), &keys.phone_indexes(phone), REFERRALS_MAX)?;
            let mut list = Vec::with_capacity(ids.len());
            for id in ids {
                list.extend(referrals::get(tx.db(), id)?);
            }
            if list.is_empty() {
                return Err(CustomerRefusal::NotFound);
            }
            of_referrals(tx, keys, &list, &reading, now)
        }
    })
}

fn of_customer(
    tx: &mut LedgerTx<'_>,
    keys: &PersonalKeys,
    id: CustomerId,
    reading: &Reading,
    now: Moment,
) -> Result<PersonData, CustomerRefusal> {
    readings::insert(tx, reading, &[DataSubject::Customer(id)], now)?;
    let list = referrals::about_customer(tx.db(), id)?;
    let customer = membership(tx, id)?;
    let mut data = of_referrals(tx, keys, &list, reading, now)?;
    let mut subjects = vec![DataSubject::Customer(id)];
    subjects.extend(subjects_of(tx, &list)?);
    data.readings = read_by(tx, &subjects, &reading.reader)?;
    let mut erased = vec![Erased::Customer(id)];
    erased.extend(list.iter().map(|referral| Erased::Referral(referral.id)));
    data.erasures = certificates(tx, &erased)?;
    Ok(PersonData { customer, ..data })
}

/// All that is held about the person of these referrals.
fn of_referrals(
    tx: &mut LedgerTx<'_>,
    keys: &PersonalKeys,
    list: &[ReferralRecord],
    reading: &Reading,
    now: Moment,
) -> Result<PersonData, CustomerRefusal> {
    let (mut referred, mut given) = (Vec::new(), Vec::new());
    for referral in list {
        let contact = match personal::read(tx, referral.id, reading, now)? {
            None => None,
            Some(sealed) => {
                let plain = keys.open(referral.id.bytes(), &sealed)?;
                let contact = Contact::from_json(&plain).ok_or(SealError::Open)?;
                Some(ContactData::from(contact))
            }
        };
        if let Some(consent) = referral.consent
            && let Some(record) = consents::get(tx.db(), consent)?
        {
            given.push(receipt_for(&record, Some(referral.id), false));
        }
        referred.push(Referred::of(referral, contact));
    }
    let subjects = subjects_of(tx, list)?;
    let erased: Vec<Erased> = list.iter().map(|referral| Erased::Referral(referral.id)).collect();
    Ok(PersonData {
        as_of: now,
        customer: None,
        referrals: referred,
        consents: given,
        readings: read_by(tx, &subjects, &reading.reader)?,
        erasures: certificates(tx, &erased)?,
    })
}

fn membership(tx: &mut LedgerTx<'_>, id: CustomerId) -> Result<Option<Membership>, StoreError> {
    let db = tx.db();
    let Some(profile) = customers::profile(db, id)? else { return Ok(None) };
    let account = |code| Account::customer(code, id, Asset::PTS);
    let available = account(AccountCode::POINTS_AVAILABLE);
    let lines = transactions::history(db, &available, None, ENTRIES_MAX)?;
    let owed = lots::owed(db, &[id])?.first().map(|(_customer, owed)| *owed);
    let stage = customer_stages::get(db, id)?.map(|record| record.stage.name());
    let since = |step: customer_stages::StageMove| StageSince {
        stage: step.stage.name(),
        says: step.says,
        says_zh: step.says_zh,
        moved_at: step.moved_at,
    };
    let stages = customer_stages::moves(db, id)?.into_iter().map(since).collect();
    let announced = |known: announcements::Announcement| Announced {
        kind: known.kind,
        amount: known.amount,
        currency: known.amount.asset(),
        due_on: known.due_on,
        cancelled: known.cancelled.is_some(),
        recorded_at: known.recorded_at,
    };
    let announcements = announcements::of_customer(db, id)?.into_iter().map(announced).collect();
    let member = |(partner, member, enrolled_at)| Member { partner, member, enrolled_at };
    Ok(Some(Membership {
        enrolled_at: profile.enrolled_at,
        birth_month: profile.birth_month,
        tier: profile.tier,
        members: profile.members.into_iter().map(member).collect(),
        available: accounts::balance(db, &available)?,
        pending: accounts::balance(db, &account(AccountCode::POINTS_PENDING))?,
        held: accounts::balance(db, &account(AccountCode::POINTS_HELD))?,
        owed: owed.unwrap_or(Amount::zero(Asset::PTS)),
        stage,
        stages,
        announcements,
        entries: lines.into_iter().map(Entry::from).collect(),
    }))
}

fn subjects_of(
    tx: &mut LedgerTx<'_>,
    list: &[ReferralRecord],
) -> Result<Vec<DataSubject>, StoreError> {
    let events: Vec<_> = list.iter().map(|referral| referral.event).collect();
    let signed = signatures::of_events(tx.db(), &events)?;
    let referrals = list.iter().map(|referral| DataSubject::Referral(referral.id));
    Ok(referrals.chain(signed.into_iter().map(DataSubject::Signature)).collect())
}

/// The readings of these subjects. Staff see which of them read; the person sees only that staff did,
/// and why.
fn read_by(
    tx: &mut LedgerTx<'_>,
    subjects: &[DataSubject],
    reader: &DataReader,
) -> Result<Vec<Read>, StoreError> {
    let named = matches!(reader, DataReader::Staff(_));
    let list = readings::of_subjects(tx.db(), subjects, READINGS_MAX)?;
    let read = |record: ReadingRecord| {
        let shown = named || record.reader_kind == "program";
        Read {
            reading: record.id,
            reader_kind: record.reader_kind,
            reader: shown.then_some(record.reader),
            purpose: record.purpose,
            subject_kind: record.subject_kind,
            read_at: record.read_at,
        }
    };
    Ok(list.into_iter().map(read).collect())
}

fn certificates(tx: &mut LedgerTx<'_>, erased: &[Erased]) -> Result<Vec<Erasure>, StoreError> {
    let list = erasures::of_subjects(tx.db(), erased)?;
    let erasure = |record: ErasureRecord| Erasure {
        erasure: record.id,
        by_kind: record.by_kind,
        contacts: record.certificate.contacts,
        signed_requests: record.certificate.signed_requests,
        erased_at: record.erased_at,
    };
    Ok(list.into_iter().map(erasure).collect())
}

impl Referred {
    fn of(record: &ReferralRecord, contact: Option<ContactData>) -> Self {
        Self {
            referral: record.id,
            partner: record.partner.clone(),
            product: record.product.clone(),
            currency: record.amount.asset(),
            amount: record.amount,
            region: record.region.clone(),
            state: record.state.name(),
            contact,
            consent: record.consent,
            effective_at: record.effective_at,
            recorded_at: record.recorded_at,
        }
    }
}

impl From<Contact> for ContactData {
    fn from(contact: Contact) -> Self {
        Self { name: contact.name, phone: contact.phone, email: contact.email }
    }
}

impl From<HistoryLine> for Entry {
    fn from(line: HistoryLine) -> Self {
        let receipt: Value = serde_json::from_str(&line.receipt).unwrap_or_default();
        Self {
            amount: line.amount,
            kind: line.kind,
            explanation: sentences(&receipt, "says"),
            explanation_zh: sentences(&receipt, "says_zh"),
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
        }
    }
}
