use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::event::Recipient;
use crate::ids::{ConsentId, PartnerId, ReferralId};
use crate::store::consents::{ConsentRecord, Withdrawal};

/// What a person agreed to, as it is shown to the person, to the partner and to authorities (PIPL,
/// articles 14, 15 and 23).
#[derive(Serialize, ToSchema)]
pub struct ConsentReceipt {
    pub consent: ConsentId,
    pub partner: PartnerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub referral: Option<ReferralId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recipient: Option<Recipient>,
    pub purpose: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub method: Option<String>,
    /// Which data it covers.
    pub kinds: Vec<String>,
    pub text_version: String,
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub text_sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub language: Option<String>,
    /// Whether it was given by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub separate: Option<bool>,
    pub channel: String,
    /// Where the proof is; empty once its period is over.
    pub evidence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub collector: Option<String>,
    pub given_at: Moment,
    pub recorded_at: Moment,
    /// Absent while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub withdrawal: Option<WithdrawalNote>,
}

/// The withdrawal of a consent.
#[derive(Serialize, ToSchema)]
#[schema(as = Withdrawal)]
pub struct WithdrawalNote {
    /// `customer`, `partner` or `staff`.
    pub by: String,
    /// Which of the staff; told to staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by_whom: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    pub withdrawn_at: Moment,
}

/// The receipt of a consent. Only staff see which of the staff withdrew it, and why.
#[must_use]
pub fn receipt_for(
    record: &ConsentRecord,
    referral: Option<ReferralId>,
    to_staff: bool,
) -> ConsentReceipt {
    let given = record.given.clone();
    let note = |withdrawal: &Withdrawal| WithdrawalNote {
        by: withdrawal.by_kind.clone(),
        by_whom: to_staff.then(|| withdrawal.by_whom.clone()),
        reason: withdrawal.reason.clone().filter(|_reason| to_staff),
        withdrawn_at: withdrawal.withdrawn_at,
    };
    ConsentReceipt {
        consent: record.id,
        partner: record.partner.clone(),
        referral,
        recipient: given.recipient.clone(),
        purpose: given.purpose.clone(),
        method: given.method.clone(),
        kinds: given.kinds.clone().unwrap_or_default(),
        text_version: given.text_version.clone(),
        text_sha256: given.text_hash(),
        language: given.language.clone(),
        separate: given.separate,
        channel: given.channel.clone(),
        evidence: given.evidence.clone(),
        collector: given.collector,
        given_at: given.given_at,
        recorded_at: record.recorded_at,
        withdrawal: record.withdrawal.as_ref().map(note),
    }
}
