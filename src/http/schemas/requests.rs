//! What is asked for beside events: bodies of requests by partners, customers and staff, and the
//! short answers to them.

#![expect(dead_code, reason = "the document is made of their types; nothing reads their fields")]

use utoipa::ToSchema;

use crate::clock::Moment;
use crate::event::{ConsentGiven, Contact};
use crate::ids::{CorrectionId, MemberRef, PartnerId, ReferralId};
use crate::money::Amount;

/// A URL for webhooks, and the events to send there.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpointBody {
    /// `https`, on the public Internet.
    #[schema(min_length = 1, max_length = 500)]
    pub url: String,
    #[schema(min_items = 1)]
    pub events: Vec<WebhookEventType>,
}

#[derive(ToSchema)]
pub enum WebhookEventType {
    #[schema(rename = "referral.qualified")]
    ReferralQualified,
    #[schema(rename = "referral.converted")]
    ReferralConverted,
    #[schema(rename = "referral.rewarded")]
    ReferralRewarded,
    #[schema(rename = "payment.flagged")]
    PaymentFlagged,
    #[schema(rename = "event.held")]
    EventHeld,
    #[schema(rename = "event.released")]
    EventReleased,
    #[schema(rename = "event.rejected")]
    EventRejected,
    #[schema(rename = "settlement.ready")]
    SettlementReady,
    #[schema(rename = "settlement.break.asked")]
    BreakAsked,
    #[schema(rename = "settlement.break.closed")]
    BreakClosed,
    #[schema(rename = "redemption.confirmed")]
    RedemptionConfirmed,
    #[schema(rename = "redemption.declined")]
    RedemptionDeclined,
}

/// Points given to a customer, or taken.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentBody {
    pub id: CorrectionId,
    pub customer: MemberOfPartner,
    /// Below zero takes points.
    pub points: Amount,
    /// Read by the customer.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    #[schema(required = false)]
    pub expires_at: Option<Moment>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberOfPartner {
    pub partner: PartnerId,
    pub member: MemberRef,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReversalBody {
    pub id: CorrectionId,
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectionBody {
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Where the customer may be contacted, and what they agreed to.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactBody {
    pub contact: Contact,
    #[schema(min_length = 1, max_length = 64)]
    pub region: String,
    pub consent: ConsentGiven,
}

/// The reason of a decision on a held referral; for the bank only.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Why a partner is frozen, and since when what it reported is held.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeBody {
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// By the time of recording. Without it: from now on.
    #[schema(required = false, nullable = false)]
    pub since: Option<Moment>,
}

/// Why a consent is withdrawn.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalBody {
    /// Without personal data.
    #[schema(required = false, nullable = false, min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// Whose personal data is to be erased: that of a referral or of a customer.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureBody {
    #[schema(required = false, nullable = false)]
    pub referral: Option<ReferralId>,
    #[schema(required = false, nullable = false)]
    pub customer: Option<MemberOfPartner>,
    /// Without personal data.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// About whom, by member reference or by phone number, and what for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonBody {
    #[schema(required = false, nullable = false)]
    pub customer: Option<MemberOfPartner>,
    #[schema(required = false, nullable = false, pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub phone: Option<String>,
    /// Kept with the reading.
    #[schema(min_length = 1, max_length = 200)]
    pub purpose: String,
}

/// The reference by which a partner is to call the customer.
#[derive(ToSchema)]
pub struct MemberLink {
    pub partner: PartnerId,
    pub member: MemberRef,
}

/// Seconds that the clock is to be ahead.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockBody {
    #[schema(minimum = 0, maximum = 316_224_000)]
    pub ahead_seconds: u32,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageBody {
    #[schema(pattern = "^(contacted|converted|first_repayment|lost|cancelled)$")]
    pub stage: String,
}

/// What the customer says.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    #[schema(pattern = "^(confirmed|declined)$")]
    pub answer: String,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    pub member: MemberRef,
    /// The most points that the code is good for. Without it, as many as the programme allows.
    #[schema(required = false)]
    pub points: Option<Amount>,
}

/// What a customer's code is to be good for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCodeBody {
    /// The most points that a till can hold with it. Without it, as many as the programme allows.
    #[schema(required = false)]
    pub points: Option<Amount>,
    /// The only partner at which it is good. Without it, each.
    #[schema(required = false)]
    pub partner: Option<PartnerId>,
}

#[derive(ToSchema)]
pub struct StatusBody {
    pub status: String,
}
