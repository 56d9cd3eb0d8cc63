//! Where refusals about customers, notices and tasks become problems.

use super::Problem;
use super::kinds::*;
use crate::customer::personal::SealError;
use crate::customer::refusal::CustomerRefusal;
use crate::follow_up::closing::TaskRefusal;
use crate::notice::NoticeRefusal;

impl From<CustomerRefusal> for Problem {
    fn from(refusal: CustomerRefusal) -> Self {
        match refusal {
            CustomerRefusal::NotFound => Self::not_found(),
            CustomerRefusal::MemberUnknown => Self::at(&MEMBER_UNKNOWN, "/member", &refusal),
            CustomerRefusal::TooManyCodes { wait } => Self::too_many_codes(wait.num_seconds()),
            CustomerRefusal::TooManyHandOvers { wait } => {
                Self::too_many_hand_overs(wait.num_seconds())
            }
            CustomerRefusal::NoRedemption => Self::at(&REDEMPTION_NOT_AGREED, "/partner", &refusal),
            CustomerRefusal::PointsNotNamed | CustomerRefusal::PointsBeyond { .. } => {
                Self::at(&INVALID, "/points", &refusal)
            }
            CustomerRefusal::RedemptionClosed { .. } => {
                Self::new(&HOLD_CLOSED, refusal.to_string())
            }
            CustomerRefusal::ReferralClosed { .. } => {
                Self::new(&REFERRAL_STATE, refusal.to_string())
            }
            // The key file may be read again in a moment.
            CustomerRefusal::Seal(SealError::UnknownKey) => {
                Self::busy("A key is missing just now.")
            }
            CustomerRefusal::Seal(error) => Self::internal(error),
            CustomerRefusal::NotJson(error) => Self::internal(error),
            CustomerRefusal::NoRandomness => Self::internal("no randomness"),
            CustomerRefusal::Store(error) => error.into(),
            CustomerRefusal::Write(error) => error.into(),
        }
    }
}

impl From<NoticeRefusal> for Problem {
    fn from(refusal: NoticeRefusal) -> Self {
        match refusal {
            NoticeRefusal::NotFound => Self::not_found(),
            NoticeRefusal::Required => Self::new(
                &NOTICE_REQUIRED,
                "Law or contract requires the bank to tell its customers of this beforehand.",
            ),
            NoticeRefusal::CustomerUnknown => {
                Self::new(&CUSTOMER_UNKNOWN, "No customer of the programme is called so.")
            }
            NoticeRefusal::IdTaken => {
                Self::new(&ANNOUNCEMENT_CONFLICT, "The id is taken by other content.")
            }
            NoticeRefusal::Store(error) => error.into(),
        }
    }
}

impl From<TaskRefusal> for Problem {
    fn from(refusal: TaskRefusal) -> Self {
        match refusal {
            TaskRefusal::NotFound => Self::not_found(),
            TaskRefusal::ClosedBefore(state) => {
                Self::new(&TASK_CLOSED, format!("It is {} already.", state.name()))
            }
            TaskRefusal::Store(error) => error.into(),
        }
    }
}
