//! All that is held about a person, for the person or for staff who answer for them. Opening it is
//! recorded as readings, which are part of what is held.

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::certificate::Erased;
use super::consent_receipt::{ConsentReceipt, receipt_for};
use super::personal::{PersonalKeys, SealError};
use super::reading::{Reader, Reading, Subject};
use crate::clock::Moment;
use crate::event::Contact;
use crate::ids::{ConsentId, CustomerId, ErasureId, PartnerId, ReadingId, ReferralId};
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::store::erasures::ErasureRecord;
use crate::store::readings::ReadingRecord;
use crate::store::referrals::ReferralRecord;
use crate::store::transactions::HistoryLine;
use crate::store::{
    LedgerTx, StoreError, accounts, announcements, consents, customer_stages, customers, erasures,
    lots, personal, readings, referrals, signatures, transactions,
};

/// All that is held about a person.
#[derive(Serialize, ToSchema)]
pub struct PersonData {
    pub as_of: Moment,
    /// Absent where the person is known by a referral only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub customer: Option<Membership>,
    pub referrals: Vec<Referred>,
    pub consents: Vec<ConsentReceipt>,
    /// Who read the data, and what for; the newest first, at most 1,000.
    pub readings: Vec<Read>,
    pub erasures: Vec<Erasure>,
}

/// What is held of a customer.
#[derive(Serialize, ToSchema)]
pub struct Membership {
    pub enrolled_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub birth_month: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tier: Option<String>,
    /// What each partner calls the customer.
    pub members: Vec<Member>,
    pub available: Amount,
    pub pending: Amount,
    pub held: Amount,
    pub owed: Amount,
    /// How far the customer has come with the bank, as the bank reckons it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stage: Option<&'static str>,
    /// How that came about; the oldest first.
    pub stages: Vec<StageSince>,
    /// What the bank's systems announced: fees and instalments.
    pub announcements: Vec<Announced>,
    /// What moved the points that may be spent; the newest first, at most 10,000.
    pub entries: Vec<Entry>,
}

/// One move of a customer to a stage.
#[derive(Serialize, ToSchema)]
pub struct StageSince {
    pub stage: &'static str,
    pub says: String,
    pub says_zh: String,
    pub moved_at: Moment,
}

/// Something that was announced to fall due.
#[derive(Serialize, ToSchema)]
pub struct Announced {
    pub kind: String,
    pub amount: Amount,
    pub currency: Asset,
    #[schema(value_type = String, format = Date)]
    pub due_on: NaiveDate,
    pub cancelled: bool,
    pub recorded_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MemberSince)]
pub struct Member {
    pub partner: PartnerId,
    pub member: String,
    pub enrolled_at: Moment,
}

/// One movement of points.
#[derive(Serialize, ToSchema)]
#[schema(as = PointsEntry)]
pub struct Entry {
    pub amount: Amount,
    /// The event's type.
    pub kind: String,
    pub explanation: Vec<String>,
    pub explanation_zh: Vec<String>,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// One referral of the person.
#[derive(Serialize, ToSchema)]
pub struct Referred {
    pub referral: ReferralId,
    pub partner: PartnerId,
    pub product: String,
    pub currency: Asset,
    pub amount: Amount,
    pub region: String,
    pub state: &'static str,
    /// Absent where it was never kept, or is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub consent: Option<ConsentId>,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// How the person is reached.
#[derive(Serialize, ToSchema)]
pub struct ContactData {
    pub name: String,
    pub phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<String>,
}

/// One reading of the person's data.
#[derive(Serialize, ToSchema)]
#[schema(as = ReadingOfData)]
pub struct Read {
    pub reading: ReadingId,
    /// `customer`, `staff` or `program`.
    pub reader_kind: String,
    /// Which part of the program; staff are not named to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reader: Option<String>,
    pub purpose: String,
    pub subject_kind: String,
    pub read_at: Moment,
}

/// One erasure of the person's data.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureOfData)]
pub struct Erasure {
    pub erasure: ErasureId,
    pub by_kind: String,
    pub contacts: u64,
    pub signed_requests: u64,
    pub erased_at: Moment,
}

/// Why the data cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

const READINGS_MAX: i64 = 1_000;
const ENTRIES_MAX: i64 = 10_000;
/// Referrals of one phone number.
pub const REFERRALS_MAX: i64 = 1_000;

/// All that is held about a customer.
pub fn of_customer(
    tx: &mut LedgerTx<'_>,
    keys: &PersonalKeys,
    id: CustomerId,
    reading: &Reading,
    now: Moment,
) -> Result<PersonData, ExportError> {
    readings::insert(tx, reading, &[Subject::Customer(id)], now)?;
    let list = referrals::of_customer(tx.db(), id)?;
    let customer = membership(tx, id)?;
    let mut data = of_referrals(tx, keys, &list, reading, now)?;
    let mut subjects = vec![Subject::Customer(id)];
    subjects.extend(subjects_of(tx, &list)?);
    data.readings = told(tx, &subjects, &reading.reader)?;
    let mut erased = vec![Erased::Customer(id)];
    erased.extend(list.iter().map(|referral| Erased::Referral(referral.id)));
    data.erasures = certificates(tx, &erased)?;
    Ok(PersonData { customer, ..data })
}

/// All that is held about whoever was introduced by these referrals.
pub fn of_referrals(
    tx: &mut LedgerTx<'_>,
    keys: &PersonalKeys,
    list: &[ReferralRecord],
    reading: &Reading,
    now: Moment,
) -> Result<PersonData, ExportError> {
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
    let erased: Vec<Erased> = list.iter().map(|it| Erased::Referral(it.id)).collect();
    Ok(PersonData {
        as_of: now,
        customer: None,
        referrals: referred,
        consents: given,
        readings: told(tx, &subjects, &reading.reader)?,
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
    let since = |it: customer_stages::StageMove| StageSince {
        stage: it.stage.name(),
        says: it.says,
        says_zh: it.says_zh,
        moved_at: it.moved_at,
    };
    let stages = customer_stages::moves(db, id)?.into_iter().map(since).collect();
    let announced = |it: announcements::Announcement| Announced {
        kind: it.kind,
        amount: it.amount,
        currency: it.amount.asset(),
        due_on: it.due_on,
        cancelled: it.cancelled.is_some(),
        recorded_at: it.recorded_at,
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

fn subjects_of(tx: &mut LedgerTx<'_>, list: &[ReferralRecord]) -> Result<Vec<Subject>, StoreError> {
    let events: Vec<_> = list.iter().map(|referral| referral.event).collect();
    let signed = signatures::of_events(tx.db(), &events)?;
    let referrals = list.iter().map(|referral| Subject::Referral(referral.id));
    Ok(referrals.chain(signed.into_iter().map(Subject::Signature)).collect())
}

/// Staff who look are told which of them looked; a person is told that staff did, and why.
fn told(
    tx: &mut LedgerTx<'_>,
    subjects: &[Subject],
    reader: &Reader,
) -> Result<Vec<Read>, StoreError> {
    let named = matches!(reader, Reader::Staff(_));
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
        let reasons = receipt.get("explanation").and_then(Value::as_array);
        let told = |says: &str| {
            let text = |reason: &Value| Some(reason.get(says)?.as_str()?.to_owned());
            reasons.into_iter().flatten().filter_map(text).collect()
        };
        Self {
            amount: line.amount,
            kind: line.kind,
            explanation: told("says"),
            explanation_zh: told("says_zh"),
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
        }
    }
}
