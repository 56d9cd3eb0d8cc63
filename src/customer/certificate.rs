use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{CustomerId, ReferralId};

/// What was erased: counts, and ids that no longer lead to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Referrals whose contact data was erased; at most 1,000 of them.
    pub referrals: Vec<ReferralId>,
    /// Records of contact data.
    pub contacts: u64,
    /// Requests that a partner had signed.
    pub signed_requests: u64,
    /// Answers that were kept for idempotency keys.
    pub answers: u64,
    /// Months of birth.
    pub birth_months: u64,
    /// Lines of partners' files that had not been recorded.
    #[serde(default)]
    pub rejected_lines: u64,
    /// Parts, of 256 KiB at most, of the files of partners' statements.
    #[serde(default)]
    pub statement_file_parts: u64,
    /// Files that were attached to breaks.
    #[serde(default)]
    pub attachments: u64,
    /// Consents that were withdrawn with it.
    pub withdrawals: u64,
    /// Consents whose evidence is no longer kept.
    pub consents: u64,
}

/// The person or the period whose data was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    Customer(CustomerId),
    Referral(ReferralId),
    /// All data whose period of retention was over.
    Period,
}

/// Referrals that a certificate names.
const REFERRALS_MAX: usize = 1_000;

impl Certificate {
    /// Whether nothing was erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the referrals whose data was erased, up to the maximum.
    pub fn name(&mut self, referrals: &[ReferralId]) {
        let room = REFERRALS_MAX.saturating_sub(self.referrals.len());
        self.referrals.extend(referrals.iter().take(room));
    }
}

impl Erased {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Referral(_) => "referral",
            Self::Period => "period",
        }
    }

    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Customer(id) => Some(id.bytes()),
            Self::Referral(id) => Some(id.bytes()),
            Self::Period => None,
        }
    }
}
