use chrono_tz::Tz;
use serde::{Serialize, Serializer};

use crate::clock::Moment;

/// A moment that a receipt carries in UTC, and that people read in the programme's time zone.
#[derive(Clone, Copy, Debug)]
pub struct LocalMoment {
    at: Moment,
    zone: Tz,
}

impl LocalMoment {
    #[must_use]
    pub const fn new(at: Moment, zone: Tz) -> Self {
        Self { at, zone }
    }

    /// To the minute, such as `2026-11-27 05:54`.
    #[must_use]
    pub fn minute(self) -> String {
        self.at.utc().with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string()
    }

    /// The last day that ends by this moment, such as `2027-11-30` for the midnight after it.
    #[must_use]
    pub fn last_day(self) -> String {
        self.at.minus(chrono::TimeDelta::seconds(1)).day_in(self.zone).to_string()
    }
}

impl Serialize for LocalMoment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.at.serialize(serializer)
    }
}
