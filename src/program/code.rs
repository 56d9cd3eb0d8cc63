//! The code that a customer shows at a till: good once, for a number of points at most, perhaps at one
//! partner only, and void after three holds that were refused.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use crate::clock::Moment;
use crate::ids::{CustomerId, PartnerId};
use crate::money::Amount;
use crate::partner::Partner;

/// With the third refused hold a code is void: nobody finds out by trying what the customer has.
pub const REFUSALS_MAX: u32 = 3;

/// What a rule may know of the code that a customer showed.
#[derive(Clone, Debug)]
pub struct CodeStanding {
    pub customer: CustomerId,
    pub expires_at: Moment,
    pub used: bool,
    /// The most points that it is good for. `None`: as many as the programme allows a code for which
    /// the customer named none.
    pub points: Option<Amount>,
    /// The only partner at which it is good. `None`: at each.
    pub partner: Option<PartnerId>,
    /// Holds with it that were refused.
    pub refusals: u32,
}

impl CodeStanding {
    /// Whether it is good at that partner at that time, for whatever number of points.
    pub fn is_good(&self, partner: &PartnerId, now: Moment) -> bool {
        let here = self.partner.as_ref().is_none_or(|only| only == partner);
        here && self.is_open() && self.expires_at > now
    }

    /// Whether a hold may still name it.
    pub const fn is_open(&self) -> bool {
        !self.used && self.refusals < REFUSALS_MAX
    }

    /// The most points that a hold with it may have.
    pub fn points_max(&self, partner: &Partner) -> Amount {
        self.points.unwrap_or(partner.programme.codes.points_max)
    }
}
