use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{CustomerId, ReferralId};

/// What was erased: numbers, and ids that name nobody any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Referrals whose contact data went, at most 1,000 of them.
    pub referrals: Vec<ReferralId>,
    /// Records of contact data.
    pub contacts: u64,
    /// Requests that a partner had signed.
    pub signed_requests: u64,
    /// Answers that were kept for idempotency keys.
    pub answers: u64,
    /// Months of birth.
    pub birth_months: u64,
    /// Consents that were withdrawn with it.
    pub withdrawals: u64,
    /// Consents whose evidence is no longer kept.
    pub consents: u64,
}

/// Whose data was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    Customer(CustomerId),
    Referral(ReferralId),
    /// Whatever had outlived its period.
    Period,
}

/// Referrals that a certificate names.
const REFERRALS_MAX: usize = 1_000;

impl Certificate {
    /// Whether there was nothing to erase.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Names the referrals whose data went.
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
