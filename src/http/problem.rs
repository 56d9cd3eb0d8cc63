//! RFC 9457 problem documents: the one table of them, and the only places where errors become one.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use actix_web::error::QueryPayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use crate::event::{Difference, FieldProblem, Malformed};
use crate::ids::EventId;
use crate::partner::signature::SignatureError;
use crate::program::{CorrectionRefusal, Refusal};
use crate::store::StoreError;
use crate::writer::{ConflictingDuplicate, WriteError};

/// A kind of problem: its slug in the URI reference `/problems/<slug>`, its status, its title.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub slug: &'static str,
    pub status: u16,
    pub title: &'static str,
}

macro_rules! kinds {
    ($($name:ident $slug:literal $status:literal $title:literal;)*) => {
        $(pub const $name: Kind = Kind { slug: $slug, status: $status, title: $title };)*
        /// Every kind there is.
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    MALFORMED "malformed" 400 "The body is not JSON";
    PARAMETER "parameter" 400 "A parameter has a value that is not allowed";
    BAD_REQUEST "bad-request" 400 "The request cannot be understood";
    IDEMPOTENCY_KEY "idempotency-key" 400 "The Idempotency-Key cannot be taken";
    UNAUTHORIZED "unauthorized" 401 "A valid access token is needed";
    SIGNATURE_MALFORMED "signature-malformed" 400 "The signature cannot be read";
    SIGNATURE_REQUIRED "signature-required" 403 "The request must be signed";
    SIGNATURE_INVALID "signature-invalid" 403 "The signature proves nothing";
    INSUFFICIENT_SCOPE "insufficient-scope" 403 "The token's scope does not allow this";
    ROLE_MISSING "role-missing" 403 "The token's roles do not allow this";
    FOUR_EYES "four-eyes" 403 "Another person must approve this";
    PARTNER_NOT_LISTED "partner-not-listed" 403 "The partner is not on the bank's list";
    PRODUCT_NOT_LISTED "product-not-listed" 403 "The partner may not offer this product";
    NOT_FOUND "not-found" 404 "There is nothing of yours here";
    METHOD "method-not-allowed" 405 "The resource does not know this method";
    TIMEOUT "timeout" 408 "The request came too slowly";
    EVENT_CONFLICT "event-conflict" 409 "The event id is taken by other content";
    CONFLICTING_DUPLICATE "conflicting-duplicate" 409 "The order has another event of this stage";
    CORRECTION_CONFLICT "correction-conflict" 409 "The correction id is taken by other content";
    CORRECTION_CLOSED "correction-closed" 409 "The correction is posted or rejected already";
    NOT_REVERSIBLE "not-reversible" 409 "The transaction cannot be reversed";
    NOT_SEALED "not-sealed" 409 "The event is not sealed yet";
    IDEMPOTENCY_CONFLICT "idempotency-conflict" 409 "The same request is under way";
    TOO_LARGE "too-large" 413 "The body is too large";
    MEDIA_TYPE "media-type" 415 "The body is of a type that is not taken here";
    REDEMPTION_NOT_AGREED "redemption-not-agreed" 403 "Points cannot be spent at this partner";
    HOLD_CLOSED "hold-closed" 409 "The hold does not allow this any more";
    IDEMPOTENCY_MISMATCH "idempotency-mismatch" 422 "The Idempotency-Key is another request's";
    INVALID "invalid" 422 "Fields need mending";
    EVENT_TIME "event-time" 422 "The event's time cannot be taken";
    OUTSIDE_TERM "outside-term" 422 "No scheme was in force";
    MEMBER_UNKNOWN "member-unknown" 422 "The member is not known";
    PAYMENT_UNKNOWN "payment-unknown" 422 "The payment is not known";
    LINE_UNKNOWN "line-unknown" 422 "The payment has no such line";
    REFUND_EXCEEDS "refund-exceeds" 422 "More is refunded than is left";
    CODE_INVALID "code-invalid" 422 "The redemption code is no good";
    POINTS_INSUFFICIENT "points-insufficient" 422 "There are not enough points";
    HOLD_UNKNOWN "hold-unknown" 422 "The hold is not known";
    REDEMPTION_EXCEEDS "redemption-exceeds" 422 "More points than there are to redeem or return";
    VERSION_UNKNOWN "version-unknown" 400 "This version of the API is not served";
    OUT_OF_RANGE "out-of-range" 422 "An amount is out of range";
    RATE_LIMITED "rate-limited" 429 "Too many requests";
    QUOTA_EXCEEDED "quota-exceeded" 429 "The events agreed for a day are recorded";
    INTERNAL "internal" 500 "A fault of ours";
    BUSY "busy" 503 "The service cannot take it now";
}

/// A problem as it is answered, and what only our log is told of it.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: Cow<'static, str>,
    fields: Vec<FieldProblem>,
    duplicate: Option<Box<ConflictingDuplicate>>,
    retry_after_seconds: Option<u64>,
    /// RFC 6750, section 3: what a 401 or 403 says of the token.
    challenge: Option<Cow<'static, str>>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: Reference,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [FieldProblem],
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<&'a EventId>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
}

struct Reference(&'static str);

impl Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/problems/{}", self.0))
    }
}

impl Problem {
    #[must_use]
    pub fn new(kind: &'static Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            fields: Vec::new(),
            duplicate: None,
            retry_after_seconds: None,
            challenge: None,
            cause: None,
        }
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(&NOT_FOUND, "It does not exist, or it is not yours.")
    }

    #[must_use]
    pub fn not_sealed() -> Self {
        Self {
            retry_after_seconds: Some(2),
            ..Self::new(&NOT_SEALED, "It is recorded, and sealed in a moment: ask again.")
        }
    }

    /// A request with the same key is being worked on.
    #[must_use]
    pub fn under_way() -> Self {
        let detail = "A request with this Idempotency-Key is under way: ask again for its answer.";
        Self { retry_after_seconds: Some(1), ..Self::new(&IDEMPOTENCY_CONFLICT, detail) }
    }

    #[must_use]
    pub fn parameter(name: &str, expected: &str) -> Self {
        Self::new(&PARAMETER, format!("{name}: {expected}"))
    }

    #[must_use]
    pub fn expected_array() -> Self {
        let detail = "expected a JSON array of events".to_owned();
        Self::from(Malformed::Fields(vec![FieldProblem { pointer: String::new(), detail }]))
    }

    #[must_use]
    pub fn too_many_items(items_max: usize) -> Self {
        Self::new(&TOO_LARGE, format!("A batch holds at most {items_max} events."))
    }

    /// No token came with the request.
    #[must_use]
    pub fn no_token() -> Self {
        Self {
            challenge: Some(Cow::Borrowed("Bearer realm=\"tallystick\"")),
            ..Self::new(&UNAUTHORIZED, "Send a token as Authorization: Bearer TOKEN.")
        }
    }

    /// The token that came is no good; `why` is a sentence that says what to do about it.
    #[must_use]
    pub fn bad_token(why: &impl fmt::Display) -> Self {
        Self {
            challenge: Some(Cow::Borrowed("Bearer realm=\"tallystick\", error=\"invalid_token\"")),
            ..Self::new(&UNAUTHORIZED, why.to_string())
        }
    }

    #[must_use]
    pub fn insufficient_scope(scope: &str) -> Self {
        let challenge =
            format!("Bearer realm=\"tallystick\", error=\"insufficient_scope\", scope=\"{scope}\"");
        Self {
            challenge: Some(Cow::Owned(challenge)),
            ..Self::new(&INSUFFICIENT_SCOPE, format!("This needs a token of the scope {scope}."))
        }
    }

    #[must_use]
    pub fn role_missing(role: &str) -> Self {
        Self::new(&ROLE_MISSING, format!("This needs a token of the role {role}."))
    }

    #[must_use]
    pub fn partner_not_listed(why: &impl fmt::Display) -> Self {
        Self::new(&PARTNER_NOT_LISTED, why.to_string())
    }

    #[must_use]
    pub fn version_unknown(served: &[&str]) -> Self {
        let served = served.join(", ");
        Self::new(&VERSION_UNKNOWN, format!("Api-Version: expected one of {served}, or none."))
    }

    #[must_use]
    pub fn rate_limited() -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(&RATE_LIMITED, "The partner's agreed rate is exceeded.")
        }
    }

    #[must_use]
    pub fn too_many_codes(retry_after_seconds: i64) -> Self {
        Self {
            retry_after_seconds: u64::try_from(retry_after_seconds).ok(),
            ..Self::new(&RATE_LIMITED, "Too many codes are waiting to be used.")
        }
    }

    #[must_use]
    pub fn busy(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { retry_after_seconds: Some(1), ..Self::new(&BUSY, detail) }
    }

    /// A fault of ours: its cause is for the log only.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "It is logged; quote the request id when you ask us about it.";
        Self { cause: Some(Arc::from(cause.into())), ..Self::new(&INTERNAL, detail) }
    }

    /// What stands for an error status that carries no document of its own, such as the
    /// framework's answers to an unknown path or to a body over its limit.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            404 => Self::not_found(),
            405 => Self::new(&METHOD, "The header Allow names the methods that it knows."),
            408 => Self::new(&TIMEOUT, "Send the request again."),
            413 => Self::new(&TOO_LARGE, "The body is larger than is taken here."),
            415 => Self::new(&MEDIA_TYPE, "Send the body as the documentation says."),
            400..=499 => Self::new(&BAD_REQUEST, "The request does not keep to HTTP or this API."),
            _ => Self::internal(format!("the framework answered {status}")),
        }
    }

    fn at(kind: &'static Kind, pointer: &str, refusal: &impl fmt::Display) -> Self {
        let detail = refusal.to_string();
        let field = FieldProblem { pointer: pointer.to_owned(), detail: detail.clone() };
        Self { fields: vec![field], ..Self::new(kind, detail) }
    }

    /// The database cannot do it, now or at all.
    fn of_store(error: Arc<StoreError>) -> Self {
        let problem = if error.is_passing() {
            Self::busy("The database cannot be reached now; nothing was recorded.")
        } else {
            Self::internal("")
        };
        Self { cause: Some(Arc::new(error)), ..problem }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document as JSON, for an item of a batch.
    #[must_use]
    pub fn document(&self) -> String {
        self.document_of(None)
    }

    fn document_of(&self, request_id: Option<&str>) -> String {
        let document = Document {
            kind: Reference(self.kind.slug),
            title: self.kind.title,
            status: self.kind.status,
            detail: &self.detail,
            request_id,
            problems: &self.fields,
            duplicate_of: self.duplicate.as_ref().map(|duplicate| &duplicate.of),
            differences: self.duplicate.as_ref().map_or(&[], |it| it.differences.as_slice()),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// The whole response, with the id of the request that it answers.
    #[must_use]
    pub fn response(&self, request_id: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(challenge) = &self.challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge.as_ref()));
        }
        response.body(self.document_of(request_id))
    }

    /// Tells the log what the caller is not told, and returns whether there was anything. Whoever
    /// answers with the problem calls this; the middleware does where it is the whole response.
    pub fn log_cause(&self) -> bool {
        let Some(cause) = &self.cause else {
            return false;
        };
        let mut chain = cause.to_string();
        let mut source = cause.source();
        while let Some(deeper) = source {
            chain.push_str(": ");
            chain.push_str(&deeper.to_string());
            source = deeper.source();
        }
        if self.kind.status == 500 {
            tracing::error!(cause = chain, "fault");
        } else {
            tracing::warn!(cause = chain, "cannot now");
        }
        true
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.slug, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response(None)
    }
}

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
            Refusal::ProductNotOffered(_) => {
                Self::at(&PRODUCT_NOT_LISTED, "/data/product", &refusal)
            }
            Refusal::Future { .. } | Refusal::Late { .. } | Refusal::BeforePayment => {
                Self::at(&EVENT_TIME, "/time", &refusal)
            }
            Refusal::OutsideTerm { .. } => Self::at(&OUTSIDE_TERM, "/time", &refusal),
            Refusal::MemberUnknown => Self::at(&MEMBER_UNKNOWN, "/data/member", &refusal),
            Refusal::PaymentUnknown => Self::at(&PAYMENT_UNKNOWN, "/data/payment", &refusal),
            Refusal::RefundExceeds { .. } => Self::at(&REFUND_EXCEEDS, "/data/amount", &refusal),
            Refusal::LineUnknown { .. } => Self::at(&LINE_UNKNOWN, "/data/lines", &refusal),
            Refusal::LineExceeds { .. } => Self::at(&REFUND_EXCEEDS, "/data/lines", &refusal),
            Refusal::RedemptionNotAgreed => Self::at(&REDEMPTION_NOT_AGREED, "/type", &refusal),
            Refusal::CodeInvalid => Self::at(&CODE_INVALID, "/data/code", &refusal),
            Refusal::PointsInsufficient => Self::at(&POINTS_INSUFFICIENT, "/data/points", &refusal),
            Refusal::HoldUnknown => Self::at(&HOLD_UNKNOWN, "/data/hold", &refusal),
            Refusal::HoldClosed { .. } => Self::at(&HOLD_CLOSED, "/data/hold", &refusal),
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
            CorrectionRefusal::FourEyes => Self::new(&FOUR_EYES, refusal.to_string()),
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

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Correction(refusal) => refusal.into(),
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
            WriteError::Busy => Self::busy("Too much is waiting; the event is not recorded."),
            WriteError::Stopped => Self::busy("The service is stopping; send the event again."),
            WriteError::OutOfRange => {
                Self::new(&OUT_OF_RANGE, "With this event a balance would be out of range.")
            }
            WriteError::Store(error) => Self::of_store(error),
            WriteError::Fault(fault) => Self::internal(fault),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::of_store(Arc::new(error))
    }
}

/// A query string that cannot be read.
pub fn query(error: QueryPayloadError, _request: &HttpRequest) -> actix_web::Error {
    Problem::new(&PARAMETER, error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Amount, AmountError, Asset};
    use crate::partner::Status;
    use crate::partner::manifest::Unlisted;

    #[test]
    fn every_kind_of_problem_has_its_own_slug_and_an_error_status() {
        let mut slugs: Vec<&str> = KINDS.iter().map(|kind| kind.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| (400..=599).contains(&kind.status)));
    }

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
            Refusal::Late { days_max: 7 },
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
            "422 out-of-range /data",
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn a_document_has_the_members_of_rfc_9457_and_no_internals() {
        let problem = Problem::internal("password=hunter2");
        let document = problem.document_of(Some("req-1"));
        assert_eq!(
            document,
            "{\"type\":\"/problems/internal\",\"title\":\"A fault of ours\",\"status\":500,\
             \"detail\":\"It is logged; quote the request id when you ask us about it.\",\
             \"request_id\":\"req-1\"}"
        );
    }

    #[test]
    fn what_passes_is_503_with_a_time_to_wait_and_what_does_not_is_500() {
        let passing = Problem::from(StoreError::Exhausted).response(None);
        assert_eq!(passing.status(), 503);
        assert_eq!(passing.headers().get(header::RETRY_AFTER).unwrap(), "1");
        let lasting = Problem::from(StoreError::Corrupt("events.body"));
        assert_eq!(lasting.status(), 500);
        assert!(!lasting.document().contains("events.body"));
    }
}
