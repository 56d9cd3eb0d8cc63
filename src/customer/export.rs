//! Collecting all that is held about a person, for the person or for staff who answer for them. Each
//! collection is recorded as a reading, and readings are part of what is held.

use chrono_tz::Tz;
use serde_json::Value;

use super::certificate::Erased;
use super::consent_receipt::receipt_for;
use super::own_side::sentences;
use super::person_data::{
    Announced, ContactData, Entry, Erasure, Member, Membership, PersonData, Read, Referred,
    StageSince,
};
use super::personal::{PersonalKeys, SealError};
use super::reading::{DataReader, DataSubject, Reading, TO_ANSWER};
use super::refusal::CustomerRefusal;
use super::rejected_lines::{self, Identifiers};
use crate::clock::Moment;
use crate::event::Contact;
use crate::ids::{CustomerId, MemberRef, PartnerId, StaffId};
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::store::erasures::ErasureRecord;
use crate::store::ledger::own_history::{HistoryOf, own_history};
use crate::store::readings::ReadingRecord;
use crate::store::referrals::ReferralRecord;
use crate::store::transactions::HistoryLine;
use crate::store::{
    Db, LedgerTx, StoreError, accounts, announcements, consents, customer_stages, customers,
    erasures, lots, personal, readings, referrals, signatures,
};

const READINGS_MAX: i64 = 1_000;
const ENTRIES_MAX: usize = 10_000;
/// Entries that are read at once, each with its receipt.
const ENTRIES_PAGE: i64 = 100;
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

/// What a collection works with.
#[derive(Clone, Copy)]
pub struct Collector<'a> {
    pub keys: &'a PersonalKeys,
    /// The programme's time zone, for sentences that name a day.
    pub zone: Tz,
    pub now: Moment,
}

/// All that is held about the customer of a subject, who asks.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] for a subject that no customer has.
pub fn read_own(
    subject: &str,
    db: &mut Db,
    collector: Collector<'_>,
) -> Result<PersonData, CustomerRefusal> {
    let collected = db.write(|tx| {
        let found = customers::by_subject(tx.db(), subject)?;
        let id = found.ok_or(CustomerRefusal::NotFound)?;
        let reader = DataReader::Customer(id);
        let reading = Reading { reader, purpose: TO_ANSWER.to_owned() };
        collector.of_customer(tx, id, &reading)
    })?;
    collector.with_the_rest(db, collected)
}

/// All that is held about the person whom staff ask about.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] when nothing is held.
pub fn find(
    who: StaffId,
    db: &mut Db,
    question: PersonQuestion,
    collector: Collector<'_>,
) -> Result<PersonData, CustomerRefusal> {
    let PersonQuestion { person, purpose } = question;
    let reading = Reading { reader: DataReader::Staff(who), purpose };
    let collected = db.write(|tx| match &person {
        Person::Member { partner, member } => {
            let found = customers::by_member(tx.db(), partner, member)?;
            collector.of_customer(tx, found.ok_or(CustomerRefusal::NotFound)?, &reading)
        }
        Person::Phone(phone) => {
            let indexes = collector.keys.phone_indexes(phone);
            let ids = personal::by_phone(tx.db(), &indexes, REFERRALS_MAX)?;
            let mut list = Vec::with_capacity(ids.len());
            for id in ids {
                list.extend(referrals::get(tx.db(), id)?);
            }
            if list.is_empty() {
                return Err(CustomerRefusal::NotFound);
            }
            let data = collector.of_referrals(tx, &list, &reading)?;
            Ok(Collected { customer: None, data })
        }
    })?;
    collector.with_the_rest(db, collected)
}

/// What was collected while the reading was recorded. The customer's own history is still missing.
struct Collected {
    customer: Option<CustomerId>,
    data: PersonData,
}

impl Collector<'_> {
    fn of_customer(
        self,
        tx: &mut LedgerTx<'_>,
        id: CustomerId,
        reading: &Reading,
    ) -> Result<Collected, CustomerRefusal> {
        readings::insert(tx, reading, &[DataSubject::Customer(id)], self.now)?;
        let list = referrals::about_customer(tx.db(), id)?;
        let mut data = self.of_referrals(tx, &list, reading)?;
        let mut subjects = vec![DataSubject::Customer(id)];
        subjects.extend(subjects_of(tx, &list)?);
        data.readings = read_by(tx, &subjects, &reading.reader)?;
        let mut erased = vec![Erased::Customer(id)];
        erased.extend(list.iter().map(|referral| Erased::Referral(referral.id)));
        data.erasures = certificates(tx, &erased)?;
        Ok(Collected { customer: Some(id), data })
    }

    /// All that is held about the person of these referrals.
    fn of_referrals(
        self,
        tx: &mut LedgerTx<'_>,
        list: &[ReferralRecord],
        reading: &Reading,
    ) -> Result<PersonData, CustomerRefusal> {
        let (mut referred, mut given) = (Vec::new(), Vec::new());
        for referral in list {
            let contact = match personal::read(tx, referral.id, reading, self.now)? {
                None => None,
                Some(sealed) => {
                    let plain = self.keys.open(referral.id.bytes(), &sealed)?;
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
        let erased: Vec<Erased> =
            list.iter().map(|referral| Erased::Referral(referral.id)).collect();
        Ok(PersonData {
            as_of: self.now,
            customer: None,
            referrals: referred,
            consents: given,
            rejected_lines: Vec::new(),
            readings: read_by(tx, &subjects, &reading.reader)?,
            erasures: certificates(tx, &erased)?,
        })
    }

    /// Adds the customer's history, and the lines of partners' files that name the person. They are
    /// read outside of the transaction: it holds others up, and nothing is written for them.
    fn with_the_rest(
        self,
        db: &mut Db,
        Collected { customer, data }: Collected,
    ) -> Result<PersonData, CustomerRefusal> {
        let customer = match customer {
            Some(id) => db.snapshot(|db| membership(db, id, self.zone))?,
            None => None,
        };
        let data = PersonData { customer, ..data };
        let mut identifiers = Identifiers::default();
        for member in data.customer.iter().flat_map(|customer| &customer.members) {
            identifiers.add(&member.partner, &member.member);
        }
        for referral in &data.referrals {
            if let Some(contact) = &referral.contact {
                identifiers.add(&referral.partner, &contact.phone);
                contact.email.iter().for_each(|email| identifiers.add(&referral.partner, email));
            }
        }
        let rejected_lines = rejected_lines::find(db, self.keys, &identifiers)?;
        Ok(PersonData { rejected_lines, ..data })
    }
}

fn membership(db: &mut Db, id: CustomerId, zone: Tz) -> Result<Option<Membership>, StoreError> {
    let Some(profile) = customers::profile(db, id)? else { return Ok(None) };
    let account = |code| Account::customer(code, id, Asset::PTS);
    let available = account(AccountCode::POINTS_AVAILABLE);
    let entries = entries(db, &available, zone)?;
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
        entries,
    }))
}

/// The newest entries of an account. They are read a page at a time: a receipt that names thousands
/// of lots is large.
fn entries(db: &mut Db, account: &Account, zone: Tz) -> Result<Vec<Entry>, StoreError> {
    let (mut list, mut after) = (Vec::new(), None);
    while list.len() < ENTRIES_MAX {
        let page =
            own_history(db, account, HistoryOf { after, kinds: None, lines_max: ENTRIES_PAGE })?;
        let Some(last) = page.last() else { break };
        after = Some(last.place);
        list.extend(page.into_iter().map(|line| Entry::of(line, zone)));
    }
    Ok(list)
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

impl Entry {
    fn of(line: HistoryLine, zone: Tz) -> Self {
        let receipt: Value = serde_json::from_str(&line.receipt).unwrap_or_default();
        let own = sentences(&receipt, zone).into_iter();
        let (explanation, explanation_zh) =
            own.map(|sentence| (sentence.english, sentence.chinese)).unzip();
        Self {
            amount: line.amount,
            kind: line.kind,
            explanation,
            explanation_zh,
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
        }
    }
}
