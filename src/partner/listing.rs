//! Whether anything of a partner is taken on a day, by its status and the bank's list.

use std::fmt;

use chrono::NaiveDate;

use super::lifecycle::{Status, Taken};
use super::rules::terms::Term;

/// Why nothing of a partner is taken on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    Suspended,
    /// The partner is not connected yet, or has left.
    Stage(Status),
    /// The partner is leaving: it starts nothing new.
    Leaving(Status),
    NotYet {
        from: NaiveDate,
    },
    NoLonger {
        until: NaiveDate,
    },
}

/// Whether a partner of that status, on the bank's list (名单制) for that term, may do anything on
/// a day.
///
/// # Errors
/// [`Unlisted`] with the reason why not.
pub fn listed_on(status: Status, listed: Term, day: NaiveDate) -> Result<(), Unlisted> {
    match (status, status.takes()) {
        (Status::Suspended, _) => return Err(Unlisted::Suspended),
        (status, Taken::Nothing) => return Err(Unlisted::Stage(status)),
        (_, Taken::Reads | Taken::Endings | Taken::All) => {}
    }
    if day < listed.from {
        return Err(Unlisted::NotYet { from: listed.from });
    }
    match listed.until {
        Some(until) if until < day => Err(Unlisted::NoLonger { until }),
        Some(_) | None => Ok(()),
    }
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspended => f.write_str("the partner is suspended"),
            Self::Stage(status) => write!(f, "the partner is {status}: nothing is taken of it"),
            Self::Leaving(Status::Frozen) => {
                f.write_str("the partner is frozen: it may end what is open, and start nothing new")
            }
            Self::Leaving(status) => write!(f, "the partner is {status}: it may only read"),
            Self::NotYet { from } => write!(f, "the partner is on the bank's list from {from} on"),
            Self::NoLonger { until } => {
                write!(f, "the partner was on the bank's list until {until}")
            }
        }
    }
}
