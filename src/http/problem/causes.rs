//! Errors of the other rooms become problems here.

use std::borrow::Cow;
use std::sync::Arc;

use super::Problem;
use super::kinds::*;
use crate::crm::feedback::FeedbackError;
use crate::due::DueError;
use crate::event::Malformed;
use crate::http::access::access_token::TokenError;
use crate::intake::upload::UploadError;
use crate::partner::signature::SignatureError;
use crate::program::{CorrectionRefusal, Refusal};
use crate::reconcile::refusal::ReconcileRefusal;
use crate::store::StoreError;
use crate::writer::{HeldRefusal, MoveRefusal, WriteError};

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotJson { .. } => Self::new(&MALFORMED, malformed.to_string()),
            Malformed::Fields(fields) => {
                let detail = match fields.len() {
                    1 => Cow::Borrowed("1 field needs mending."),
                    many => Cow::Owned(format!("{many} fields need mending.")),
                };
                Self { fields, ..Self::new(&INVALID, detail) }
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::Unlisted(unlisted) => Self::partner_not_listed(unlisted),
            Refusal::DayFull { resumes_in_seconds, .. } => Self {
                retry_after_seconds: Some(*resumes_in_seconds),
                ..Self::new(&QUOTA_EXCEEDED, refusal.to_string())
            },
            Refusal::ReferralsFull { .. } => Self {
                retry_after_seconds: Some(3_600),
                ..Self::new(&QUOTA_EXCEEDED, refusal.to_string())
            },
            Refusal::ProductNotOffered(_) => {
                Self::at(&PRODUCT_NOT_LISTED, "/data/product", &refusal)
            }
            Refusal::Future { .. } | Refusal::BeforePayment => {
                Self::at(&EVENT_TIME, "/time", &refusal)
            }
            Refusal::OutsideTerm { .. } => Self::at(&OUTSIDE_TERM, "/time", &refusal),
            Refusal::MemberUnknown => Self::at(&MEMBER_UNKNOWN, "/data/member", &refusal),
            Refusal::PaymentUnknown => Self::at(&PAYMENT_UNKNOWN, "/data/payment", &refusal),
            Refusal::RefundExceeds { .. } => Self::at(&REFUND_EXCEEDS, "/data/amount", &refusal),
            Refusal::RefundsMany { .. } => Self::at(&PARTS_MANY, "/data/amount", &refusal),
            Refusal::ReturnsMany { .. } => Self::at(&PARTS_MANY, "/data/points", &refusal),
            Refusal::LineUnknown { .. } => Self::at(&LINE_UNKNOWN, "/data/lines", &refusal),
            Refusal::LineExceeds { .. } => Self::at(&REFUND_EXCEEDS, "/data/lines", &refusal),
            Refusal::RedemptionNotAgreed => Self::at(&REDEMPTION_NOT_AGREED, "/type", &refusal),
            Refusal::CodeInvalid => Self::at(&CODE_INVALID, "/data/code", &refusal),
            Refusal::PointsInsufficient => Self::at(&POINTS_INSUFFICIENT, "/data/points", &refusal),
            Refusal::HoldUnknown => Self::at(&HOLD_UNKNOWN, "/data/hold", &refusal),
            Refusal::HoldClosed { .. } => Self::at(&HOLD_CLOSED, "/data/hold", &refusal),
            Refusal::AwaitsCustomer => Self {
                retry_after_seconds: Some(5),
                ..Self::at(&AWAITS_CUSTOMER, "/data/hold", &refusal)
            },
            Refusal::CommitExceeds { .. } | Refusal::ReturnExceeds { .. } => {
                Self::at(&REDEMPTION_EXCEEDS, "/data/points", &refusal)
            }
            Refusal::Range(_) => Self::at(&OUT_OF_RANGE, "/data", &refusal),
        }
    }
}

impl From<CorrectionRefusal> for Problem {
    fn from(refusal: CorrectionRefusal) -> Self {
        match &refusal {
            CorrectionRefusal::Conflict => Self::new(&CORRECTION_CONFLICT, refusal.to_string()),
            CorrectionRefusal::Unknown | CorrectionRefusal::TransactionUnknown => Self::not_found(),
            CorrectionRefusal::MemberUnknown => Self::at(&MEMBER_UNKNOWN, "/customer", &refusal),
            CorrectionRefusal::PointsInsufficient => {
                Self::at(&POINTS_INSUFFICIENT, "/points", &refusal)
            }
            CorrectionRefusal::ExpiryPast => Self::at(&INVALID, "/expires_at", &refusal),
            CorrectionRefusal::FourEyes | CorrectionRefusal::OwnAccount => {
                Self::new(&FOUR_EYES, refusal.to_string())
            }
            CorrectionRefusal::Closed { .. } => Self::new(&CORRECTION_CLOSED, refusal.to_string()),
            CorrectionRefusal::NotReversible(_) => Self::new(&NOT_REVERSIBLE, refusal.to_string()),
            CorrectionRefusal::Rules(refusal) => refusal.clone().into(),
        }
    }
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        let kind = match &error {
            SignatureError::Required => &SIGNATURE_REQUIRED,
            SignatureError::Malformed(_) => &SIGNATURE_MALFORMED,
            _ => &SIGNATURE_INVALID,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unsure => Self::busy(error.to_string()),
            TokenError::Foreign
            | TokenError::Expired
            | TokenError::Revoked
            | TokenError::KeyGone => Self::bad_token(&error),
        }
    }
}

impl From<DueError> for Problem {
    fn from(error: DueError) -> Self {
        match error {
            DueError::Store(error) => error.into(),
            DueError::Write(error) => error.into(),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Correction(refusal) => refusal.into(),
            WriteError::Move(MoveRefusal::Unknown) => Self::not_found(),
            WriteError::Move(MoveRefusal::Illegal(illegal)) => {
                Self::new(&REFERRAL_STATE, illegal.to_string())
            }
            WriteError::Move(refusal @ MoveRefusal::ReleasesSpent { .. }) => {
                Self::new(&FOUR_EYES, refusal.to_string())
            }
            WriteError::Move(MoveRefusal::Rules(refusal)) => refusal.into(),
            WriteError::Held(refusal) => match &refusal {
                HeldRefusal::Unknown | HeldRefusal::PartnerGone => Self::not_found(),
                HeldRefusal::OwnAccount => Self::new(&FOUR_EYES, refusal.to_string()),
                HeldRefusal::Closed(_) | HeldRefusal::Reversed => {
                    Self::new(&HELD_CLOSED, refusal.to_string())
                }
                HeldRefusal::Frozen | HeldRefusal::AlreadyFrozen | HeldRefusal::NotFrozen => {
                    Self::new(&FREEZE_STATE, refusal.to_string())
                }
            },
            WriteError::Break(refusal) => ReconcileRefusal::Proposal(refusal).into(),
            WriteError::Conflict => Self::new(
                &EVENT_CONFLICT,
                "An event of this id is recorded with other content. A new event needs a new id; \
                 GET /v1/events/{id} shows the receipt of the recorded one.",
            ),
            WriteError::ConflictingDuplicate(duplicate) => Self {
                duplicate: Some(duplicate),
                ..Self::new(
                    &CONFLICTING_DUPLICATE,
                    "An event of this type, order and stage is recorded with other content: \
                     see differences. Nothing of this one is recorded.",
                )
            },
            WriteError::Late => Self::busy(
                "The database gave no answer in time. Send the same again: it counts once.",
            ),
            WriteError::Busy => Self::busy("Too much is waiting; the event is not recorded."),
            WriteError::Stopped => Self::busy("The service is stopping; send the event again."),
            WriteError::OutOfRange => {
                Self::new(&OUT_OF_RANGE, "With this event a balance would be out of range.")
            }
            WriteError::BooksFull => Self::busy(
                "An account of the bank cannot take this amount; the event is not recorded, and it \
                 is no fault of yours. The bank has been alarmed.",
            ),
            WriteError::Store(error) => Self::of_store(error),
            WriteError::Fault(fault) => Self::internal(fault),
        }
    }
}

impl From<FeedbackError> for Problem {
    fn from(error: FeedbackError) -> Self {
        match error {
            FeedbackError::Store(error) => error.into(),
            FeedbackError::Write(error) => error.into(),
            FeedbackError::Unknown => Self::not_found(),
            FeedbackError::Crm(error) => Self::internal(error.to_string()),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Store(error) => error.into(),
            UploadError::Seal(error) => Self::internal(error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::of_store(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Amount, AmountError, Asset};
    use crate::partner::Status;
    use crate::partner::Unlisted;

    /// Partners' programs go by these: a change here breaks them.
    #[test]
    fn each_refusal_keeps_its_status_slug_and_pointer() {
        let day = "2026-01-01".parse().unwrap();
        let (left, paid) = (Amount::zero(Asset::CNY), Amount::zero(Asset::CNY));
        let (earliest, asset) = (None, Asset::CNY);
        let refusals = [
            Refusal::Unlisted(Unlisted::Suspended),
            Refusal::Unlisted(Unlisted::NotYet { from: day }),
            Refusal::Unlisted(Unlisted::Leaving(Status::Frozen)),
            Refusal::DayFull { max: 100, resumes_in_seconds: 60 },
            Refusal::ProductNotOffered("spring".parse().unwrap()),
            Refusal::Future { skew_seconds: 60 },
            Refusal::BeforePayment,
            Refusal::OutsideTerm { day, earliest },
            Refusal::MemberUnknown,
            Refusal::PaymentUnknown,
            Refusal::RefundExceeds { left, paid },
            Refusal::RedemptionNotAgreed,
            Refusal::CodeInvalid,
            Refusal::PointsInsufficient,
            Refusal::HoldUnknown,
            Refusal::HoldClosed { state: "cancelled" },
            Refusal::CommitExceeds { held: left },
            Refusal::ReturnExceeds { left },
            Refusal::RefundsMany { most: 100, left },
            Refusal::ReturnsMany { most: 100, left },
            Refusal::Range(AmountError::OutOfRange { asset }),
        ];
        let table: Vec<String> = refusals
            .map(|refusal| {
                let Problem { kind, fields, .. } = Problem::from(refusal);
                let pointer = fields.first().map_or("-", |field| field.pointer.as_str());
                format!("{} {} {pointer}", kind.status, kind.slug)
            })
            .into();
        let expected = [
            "403 partner-not-listed -",
            "403 partner-not-listed -",
            "403 partner-not-listed -",
            "429 quota-exceeded -",
            "403 product-not-listed /data/product",
            "422 event-time /time",
            "422 event-time /time",
            "422 outside-term /time",
            "422 member-unknown /data/member",
            "422 payment-unknown /data/payment",
            "422 refund-exceeds /data/amount",
            "403 redemption-not-agreed /type",
            "422 code-invalid /data/code",
            "422 points-insufficient /data/points",
            "422 hold-unknown /data/hold",
            "409 hold-closed /data/hold",
            "422 redemption-exceeds /data/points",
            "422 redemption-exceeds /data/points",
            "422 too-many-parts /data/amount",
            "422 too-many-parts /data/points",
            "422 out-of-range /data",
        ];
        assert_eq!(table, expected);
    }
}
