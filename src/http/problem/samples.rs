//! A problem of every kind, as a real case gives it: what a partner on trial may ask for.

use std::sync::Arc;

use super::{Kind, Problem};
use crate::clock::Moment;
use crate::event::{Difference, FieldProblem, Malformed, NotJson, TextPlace};
use crate::ids::{EventId, LineNumber};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::Unlisted;
use crate::partner::signature::SignatureError;
use crate::program::Refusal;
use crate::writer::{ConflictingDuplicate, WriteError};

/// The cause of a problem that is none.
#[derive(Debug, thiserror::Error)]
#[error("asked for by a partner on trial")]
struct AskedFor;

impl Problem {
    /// The problem that a real case of this kind would get.
    #[must_use]
    pub fn sample(kind: &'static Kind, now: Moment) -> Self {
        let found = samples(now).into_iter().find(|sample| sample.kind == kind);
        let sample = found.unwrap_or_else(|| Self::plain(kind));
        Self { cause: Some(Arc::new(AskedFor)), ..sample }
    }

    /// A problem of a kind that has the same words each time.
    fn plain(kind: &'static Kind) -> Self {
        let waits = matches!(kind.status, 429 | 503).then_some(1);
        Self { retry_after_seconds: waits, ..Self::new(kind, kind.advice) }
    }

    /// Whether a partner on trial asked for the problem, and nothing else happened.
    #[must_use]
    pub fn is_provoked(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.is::<AskedFor>())
    }
}

/// Those that say more than their kind does, made as real ones are.
fn samples(now: Moment) -> Vec<Problem> {
    let money = Amount::from_minor(1_000, Asset::CNY);
    let points = Amount::from_minor(1_000, Asset::PTS);
    let refusals = [
        Refusal::Unlisted(Unlisted::Suspended),
        Refusal::DayFull { max: 1, resumes_in_seconds: 3_600 },
        Refusal::Future { skew_seconds: 300 },
        Refusal::OutsideTerm { day: now.utc().date_naive(), earliest: None },
        Refusal::MemberUnknown,
        Refusal::PaymentUnknown,
        Refusal::RefundExceeds { left: money, paid: money },
        Refusal::RefundsMany { most: 100, left: money },
        Refusal::RedemptionNotAgreed,
        Refusal::CodeInvalid,
        Refusal::PointsInsufficient,
        Refusal::HoldUnknown,
        Refusal::AwaitsCustomer,
        Refusal::HoldClosed { state: "timed_out" },
        Refusal::CommitExceeds { held: points },
        Refusal::Range(AmountError::OutOfRange { asset: Asset::CNY }),
    ];
    let mut samples: Vec<Problem> = refusals.into_iter().map(Problem::from).collect();
    samples.extend(of_ids());
    let missing = FieldProblem { pointer: "/data/member".to_owned(), detail: "missing".to_owned() };
    samples.extend([
        Malformed::Fields(vec![missing]).into(),
        Malformed::NotJson { place: TextPlace { line: 1, column: 1 }, why: NotJson::Syntax }.into(),
        SignatureError::Required.into(),
        WriteError::Conflict.into(),
        WriteError::Busy.into(),
        Problem::not_found(),
        Problem::not_sealed(),
        Problem::under_way(),
        Problem::parameter("limit", "expected 1 to 100"),
        Problem::too_many_items(1_000),
        Problem::bad_token(&"The access token has expired: get a new one."),
        Problem::insufficient_scope("events:write"),
        Problem::role_missing("read"),
        Problem::rate_limited(),
        Problem::internal("asked for"),
    ]);
    samples
}

/// Those that name something by its id.
fn of_ids() -> Vec<Problem> {
    let mut samples = Vec::new();
    if let Ok(product) = "no-such-product".parse() {
        samples.push(Refusal::ProductNotOffered(product).into());
    }
    if let Ok(line) = LineNumber::try_from("no-such-line") {
        samples.push(Refusal::LineUnknown { line }.into());
    }
    if let Ok(id) = EventId::try_from("an-earlier-event") {
        let duplicate =
            ConflictingDuplicate { of: id, differences: vec![Difference::of_contact()] };
        samples.push(WriteError::ConflictingDuplicate(Box::new(duplicate)).into());
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::kinds::{CONFLICTING_DUPLICATE, KINDS, LINE_UNKNOWN};

    #[test]
    fn there_is_a_sample_of_every_kind_with_what_a_client_goes_by() {
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        for kind in KINDS {
            let sample = Problem::sample(kind, now);
            assert_eq!(sample.kind, *kind);
            assert!(sample.is_provoked());
            let waits = matches!(kind.status, 429 | 503);
            assert!(!waits || sample.retry_after_seconds.is_some(), "{}", kind.slug);
            let answer = sample.response(None);
            assert_eq!(answer.status().as_u16(), kind.status);
            if kind.status == 401 || kind.slug == "insufficient-scope" {
                assert!(answer.headers().contains_key("www-authenticate"), "{}", kind.slug);
            }
        }
        assert!(Problem::sample(&CONFLICTING_DUPLICATE, now).duplicate.is_some());
        assert_eq!(Problem::sample(&LINE_UNKNOWN, now).fields[0].pointer, "/data/lines");
    }
}
