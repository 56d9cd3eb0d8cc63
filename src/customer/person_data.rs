//! The document that says all that is held about a person.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::consent_receipt::ConsentReceipt;
use super::rejected_lines::RejectedLine;
use crate::clock::Moment;
use crate::ids::{ConsentId, ErasureId, PartnerId, ReadingId, ReferralId};
use crate::money::{Amount, Asset};

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
    /// Lines of partners' files that could not be recorded and name the person.
    pub rejected_lines: Vec<RejectedLine>,
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
