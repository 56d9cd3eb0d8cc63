use chrono::TimeDelta;

use super::personal::SealError;
use crate::money::Amount;
use crate::store::StoreError;
use crate::writer::WriteError;

/// Why an act on a customer, or on personal data, is refused. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum CustomerRefusal {
    /// What is asked for does not exist, or is not the requester's.
    #[error("it does not exist, or it is not the requester's")]
    NotFound,
    /// The partner knows no member of that reference.
    #[error("this partner has no such member")]
    MemberUnknown,
    /// As many codes as may wait are waiting; the oldest ends within this time.
    #[error("too many codes are waiting to be used")]
    TooManyCodes { wait: TimeDelta },
    /// As many hand-overs as may wait are waiting; the oldest ends within this time.
    #[error("too many links into the wallet are waiting to be used")]
    TooManyHandOvers { wait: TimeDelta },
    /// A code for a partner at which points cannot be spent.
    #[error("no redemption at this partner is agreed")]
    NoRedemption,
    /// The programme asks customers to say for how many points a code is.
    #[error("say for how many points the code is; expected more than 0")]
    PointsNotNamed,
    /// A code for more points than an event may have.
    #[error("a code is for at most {most} points")]
    PointsBeyond { most: Amount },
    /// The redemption waits for nobody.
    #[error("the redemption does not wait for the customer any more: it is {state}")]
    RedemptionClosed { state: &'static str },
    /// The referral waits for no word of its person.
    #[error("the referral does not wait for its person: it is {state}")]
    ReferralClosed { state: &'static str },
    #[error("the system gives no random numbers")]
    NoRandomness,
    #[error("the contact data cannot be written as JSON")]
    NotJson(#[from] serde_json::Error),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
}
