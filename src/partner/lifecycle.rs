//! How a partner comes to the bank and leaves it, as a state machine. One table holds the moves;
//! `reload` proves that all is settled before a move.

use std::fmt;

use serde::Deserialize;

/// The status of a partner, as its manifest writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Has applied to become a partner; nothing is taken from it.
    Applied,
    /// On the bank's list of partners (名单制), and not connected yet.
    Listed,
    /// On trial: everything works, nothing is real business.
    Sandbox,
    /// Still in the sandbox; its software has passed the conformance kit.
    Conformant,
    /// Real business, with a cap on its events a day.
    Pilot,
    Full,
    /// The emergency stop: all is refused at once, whatever the partner's tokens say.
    Suspended,
    /// Leaving: no new business. It may end what is open (refunds, holds), and read.
    Frozen,
    /// No hold is open. The partner may still read.
    Drained,
    /// Neither side owes the other anything.
    Settled,
    /// The partner has left. Its history stays.
    Closed,
}

/// What a partner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    Nothing,
    Reads,
    /// What ends open business.
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

    /// Whether all that the partner does is a trial, so that its rules may still be rewritten.
    #[must_use]
    pub const fn is_trial(self) -> bool {
        matches!(self, Self::Applied | Self::Listed | Self::Sandbox | Self::Conformant)
    }

    /// Whether the partner does real business, or did.
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
            // Only to where it was, which the history has: see `next_after`.
            Self::Suspended => {
                &[Self::Sandbox, Self::Conformant, Self::Pilot, Self::Full, Self::Frozen]
            }
            Self::Frozen => &[Self::Full, Self::Suspended, Self::Drained],
            Self::Drained => &[Self::Frozen, Self::Settled],
            Self::Settled => &[Self::Closed],
            Self::Closed => &[],
        }
    }

    /// The statuses that may follow, for a partner that was suspended from a status. From suspension
    /// the way leads back to where it was. A partner in real business may also begin to leave. Where
    /// no history says where it was, it begins on trial.
    #[must_use]
    pub fn next_after(self, suspended_from: Option<Self>) -> Vec<Self> {
        match (self, suspended_from) {
            (Self::Suspended, None) => vec![Self::Sandbox],
            (Self::Suspended, Some(from)) if from.is_real() && from != Self::Frozen => {
                vec![from, Self::Frozen]
            }
            (Self::Suspended, Some(from)) => vec![from],
            (status, _) => status.next().to_vec(),
        }
    }

    /// Whether this status may follow that one, from which the partner may have been suspended.
    #[must_use]
    pub fn may_follow(self, before: Self, suspended_from: Option<Self>) -> bool {
        self == before || before.next_after(suspended_from).contains(&self)
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
            assert!(pair[1].may_follow(pair[0], None), "{pair:?}");
        }
        for (position, before) in way.iter().enumerate() {
            for after in way.iter().skip(position + 2) {
                // A partner that never did real business may close at once.
                let early = *after == Closed && before.is_trial();
                let straight = (*before, *after) == (Pilot, Frozen);
                assert_eq!(after.may_follow(*before, None), early || straight, "{before} {after}");
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
    fn the_way_back_from_suspension_leads_to_where_the_partner_was() {
        use Status::{Conformant, Frozen, Full, Pilot, Sandbox, Suspended};
        for from in [Sandbox, Conformant, Pilot, Full, Frozen] {
            for to in Status::ALL.into_iter().filter(|status| *status != Suspended) {
                let leaves = to == Frozen && from.is_real();
                assert_eq!(
                    to.may_follow(Suspended, Some(from)),
                    to == from || leaves,
                    "{from} {to}"
                );
            }
        }
        assert!(Sandbox.may_follow(Suspended, None) && !Full.may_follow(Suspended, None));
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
