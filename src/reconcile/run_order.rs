use chrono_tz::Tz;

use super::period::Period;
use crate::ids::PartnerId;

/// The month of a partner that is compared.
#[derive(Clone, Debug)]
pub struct RunOrder {
    pub partner: PartnerId,
    pub period: Period,
    pub zone: Tz,
}
