//! How a partner comes to the bank and leaves it, as a state machine. Which moves there are stands
//! in one table; what must have been settled before one is taken is proved by `reload`.

use std::fmt;

use serde::Deserialize;

/// Where a partner stands with the bank, as its manifest says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Asked to become a partner; nothing is taken of it.
    Applied,
    /// On the bank's list of partners (名单制), and not connected yet.
    Listed,
    /// For trials and the demo: everything works, nothing is meant for real.
    Sandbox,
    /// Still in the sandbox; its integration has passed the conformance kit.
    Conformant,
    /// For real, with a cap on its events a day.
    Pilot,
    Full,
    /// The emergency stop: refused at once, whatever its tokens say.
    Suspended,
    /// Leaving: no new business, only what ends the old (refunds; holds to be ended) and reads.
    Frozen,
    /// Nothing of its business is open: no hold waits. It may still read.
    Drained,
    /// Nothing is owed either way.
    Settled,
    /// Gone. Its history stays.
    Closed,
}

/// What is taken of a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    Nothing,
    Reads,
    /// What ends business that there is.
    Endings,
    All,
}

impl Status {
    pub const ALL: [Self; 11] = [
        Self::Applied,
        Self::Listed,
        Self::Sandbox,
        Self::Conformant,
        Self::Pilot,
        Self::Full,
        Self::Suspended,
        Self::Frozen,
        Self::Drained,
        Self::Settled,
        Self::Closed,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Listed => "listed",
            Self::Sandbox => "sandbox",
            Self::Conformant => "conformant",
            Self::Pilot => "pilot",
            Self::Full => "full",
            Self::Suspended => "suspended",
            Self::Frozen => "frozen",
            Self::Drained => "drained",
            Self::Settled => "settled",
            Self::Closed => "closed",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    #[must_use]
    pub const fn takes(self) -> Taken {
        match self {
            Self::Applied | Self::Listed | Self::Suspended | Self::Closed => Taken::Nothing,
            Self::Drained | Self::Settled => Taken::Reads,
            Self::Frozen => Taken::Endings,
            Self::Sandbox | Self::Conformant | Self::Pilot | Self::Full => Taken::All,
        }
    }

    /// Whether what the partner does is a trial, so that nothing is kept of its rules either.
    #[must_use]
    pub const fn is_trial(self) -> bool {
        matches!(self, Self::Applied | Self::Listed | Self::Sandbox | Self::Conformant)
    }

    /// Whether it does business that is meant for real, or did.
    #[must_use]
    pub const fn is_real(self) -> bool {
        matches!(self, Self::Pilot | Self::Full | Self::Frozen | Self::Drained | Self::Settled)
    }

    /// The statuses that may follow. Forward one at a time; back only where nothing is lost by it.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Applied => &[Self::Listed, Self::Closed],
            Self::Listed => &[Self::Sandbox, Self::Closed],
            Self::Sandbox => &[Self::Conformant, Self::Suspended, Self::Closed],
            Self::Conformant => &[Self::Sandbox, Self::Pilot, Self::Suspended, Self::Closed],
            Self::Pilot => &[Self::Full, Self::Suspended, Self::Frozen],
            Self::Full => &[Self::Suspended, Self::Frozen],
            // To where it was; which of them is for the bank to say, and stands in the history.
            Self::Suspended => {
                &[Self::Sandbox, Self::Conformant, Self::Pilot, Self::Full, Self::Frozen]
            }
            Self::Frozen => &[Self::Full, Self::Suspended, Self::Drained],
            Self::Drained => &[Self::Frozen, Self::Settled],
            Self::Settled => &[Self::Closed],
            Self::Closed => &[],
        }
    }

    /// Whether this status may follow that one.
    #[must_use]
    pub fn may_follow(self, before: Self) -> bool {
        self == before || before.next().contains(&self)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_comes_and_goes_one_status_at_a_time() {
        use Status::{
            Applied, Closed, Conformant, Drained, Frozen, Full, Listed, Pilot, Sandbox, Settled,
        };
        let way =
            [Applied, Listed, Sandbox, Conformant, Pilot, Full, Frozen, Drained, Settled, Closed];
        for pair in way.windows(2) {
            assert!(pair[1].may_follow(pair[0]), "{pair:?}");
        }
        for (position, before) in way.iter().enumerate() {
            for after in way.iter().skip(position + 2) {
                // Who never did business for real needs no winding up.
                let early = *after == Closed && before.is_trial();
                let straight = (*before, *after) == (Pilot, Frozen);
                assert_eq!(after.may_follow(*before), early || straight, "{before} {after}");
            }
        }
    }

    #[test]
    fn nothing_follows_the_end_and_nothing_real_becomes_a_trial_again() {
        assert!(Status::Closed.next().is_empty());
        for status in [Status::Pilot, Status::Full, Status::Frozen, Status::Drained] {
            assert!(status.next().iter().all(|next| !next.is_trial()), "{status}");
        }
    }

    #[test]
    fn a_name_is_what_the_manifest_says() {
        #[derive(Deserialize)]
        struct Written {
            status: Status,
        }
        for status in Status::ALL {
            assert_eq!(Status::by_name(status.name()), Some(status));
            let written = format!("status = \"{status}\"");
            assert_eq!(toml::from_str::<Written>(&written).unwrap().status, status);
        }
    }
}
