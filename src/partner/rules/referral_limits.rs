//! What one partner's referrals may take of what all share, as the programme says.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::terms;
use crate::clock::Moment;

/// Bounds of a partner's referrals.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReferralLimits {
    /// Days for which a person belongs to a referral until a customer manager has talked to them; from
    /// then on the product's window holds.
    pub claim_days: u32,
    /// Days for which a person belongs to a referral that is on hold.
    pub held_claim_days: u32,
    /// Referrals of one partner that are open, those on hold among them.
    pub partner_open_max: u32,
    /// Referrals of one partner that are on hold.
    pub partner_held_max: u32,
    /// The share of a branch's capacity that the leads of one partner may fill.
    #[serde(deserialize_with = "terms::decimal")]
    pub manager_share: Decimal,
}

impl Default for ReferralLimits {
    fn default() -> Self {
        Self {
            claim_days: 14,
            held_claim_days: 3,
            partner_open_max: 2_000,
            partner_held_max: 200,
            manager_share: Decimal::new(5, 1),
        }
    }
}

impl ReferralLimits {
    /// What cannot be meant, if anything.
    pub(super) fn fault(self) -> Option<&'static str> {
        let share = self.manager_share;
        if share.is_sign_negative() || share.is_zero() || share > Decimal::ONE {
            return Some("referrals.manager_share: expected more than 0, at most 1");
        }
        let days = [self.claim_days, self.held_claim_days];
        if days.iter().any(|days| !(1..=3_660).contains(days)) {
            return Some("referrals: expected claims of 1 to 3660 days");
        }
        None
    }

    /// Until when the person of a lead is claimed that nobody has talked to.
    #[must_use]
    pub fn unconfirmed_until(&self, now: Moment, expires_at: Option<Moment>) -> Moment {
        let until = now.plus(chrono::TimeDelta::days(i64::from(self.claim_days)));
        expires_at.map_or(until, |expires_at| expires_at.min(until))
    }

    /// Until when the person of a referral on hold is claimed.
    #[must_use]
    pub fn held_until(&self, now: Moment) -> Moment {
        now.plus(chrono::TimeDelta::days(i64::from(self.held_claim_days)))
    }
}
