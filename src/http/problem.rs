//! RFC 9457 problem documents: the one table of them, and the only places where errors become one.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use crate::event::{FieldProblem, Malformed};
use crate::program::Refusal;
use crate::store::StoreError;
use crate::writer::WriteError;

/// A kind of problem: its slug in the URI `/problems/<slug>`, its status, and its title.
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
    UNAUTHORIZED "unauthorized" 401 "A valid access token is needed";
    INSUFFICIENT_SCOPE "insufficient-scope" 403 "The token's scope does not allow this";
    PARTNER_NOT_LISTED "partner-not-listed" 403 "The partner is not on the bank's list";
    PRODUCT_NOT_LISTED "product-not-listed" 403 "The partner may not offer this product";
    NOT_FOUND "not-found" 404 "There is nothing of yours here";
    METHOD "method-not-allowed" 405 "The resource does not know this method";
    EVENT_CONFLICT "event-conflict" 409 "The event id is taken by other content";
    TOO_LARGE "too-large" 413 "The body is too large";
    INVALID "invalid" 422 "Fields need mending";
    EVENT_TIME "event-time" 422 "The event's time cannot be taken";
    OUTSIDE_TERM "outside-term" 422 "No scheme was in force";
    MEMBER_UNKNOWN "member-unknown" 422 "The member is not known";
    PAYMENT_UNKNOWN "payment-unknown" 422 "The payment is not known";
    REFUND_EXCEEDS "refund-exceeds" 422 "More is refunded than is left";
    OUT_OF_RANGE "out-of-range" 422 "An amount is out of range";
    RATE_LIMITED "rate-limited" 429 "Too many requests";
    INTERNAL "internal" 500 "A fault of ours";
    BUSY "busy" 503 "The service cannot take it now";
}

/// A problem as it is answered.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    fields: Vec<FieldProblem>,
    retry_after_seconds: Option<u64>,
    /// RFC 6750, section 3: what a 401 or 403 says of the token.
    challenge: Option<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [FieldProblem],
}

impl Problem {
    #[must_use]
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail, fields: Vec::new(), retry_after_seconds: None, challenge: None }
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(&NOT_FOUND, "It does not exist, or it is not yours.")
    }

    #[must_use]
    pub fn parameter(name: &str, expected: &str) -> Self {
        Self::new(&PARAMETER, format!("{name}: {expected}"))
    }

    #[must_use]
    pub fn expected_array() -> Self {
        Self::field("", "expected a JSON array of events")
    }

    #[must_use]
    pub fn too_many_items(items_max: usize) -> Self {
        Self::new(&TOO_LARGE, format!("A batch holds at most {items_max} events."))
    }

    #[must_use]
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(&TOO_LARGE, format!("A body here holds at most {bytes_max} bytes."))
    }

    /// No token, or one that is not good: which of the two is all that a stranger learns.
    #[must_use]
    pub fn unauthorized(detail: &'static str, challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(&UNAUTHORIZED, detail) }
    }

    #[must_use]
    pub fn insufficient_scope(scope: &str) -> Self {
        let challenge = Some("Bearer error=\"insufficient_scope\"");
        let detail = format!("This needs the scope {scope}.");
        Self { challenge, ..Self::new(&INSUFFICIENT_SCOPE, detail) }
    }

    #[must_use]
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        let detail = "The partner's agreed rate is exceeded.";
        let retry_after_seconds = Some(retry_after_seconds);
        Self { retry_after_seconds, ..Self::new(&RATE_LIMITED, detail) }
    }

    #[must_use]
    pub fn busy(detail: &str) -> Self {
        Self { retry_after_seconds: Some(1), ..Self::new(&BUSY, detail) }
    }

    /// What the framework refused before a handler ran, such as a body over the limit.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            404 => Self::not_found(),
            405 => Self::new(&METHOD, "See the documentation for the methods it knows."),
            413 => Self::new(&TOO_LARGE, "Send less at once, or use the batch."),
            400..500 => Self::new(&MALFORMED, "The request cannot be read."),
            _ => Self::internal(&"the framework failed"),
        }
    }

    fn field(pointer: &str, detail: impl Into<String>) -> Self {
        let field = FieldProblem { pointer: pointer.to_owned(), detail: detail.into() };
        Self { fields: vec![field], ..Self::new(&INVALID, "1 field needs mending.") }
    }

    fn at(kind: &'static Kind, pointer: &str, refusal: &Refusal) -> Self {
        let detail = refusal.to_string();
        let field = FieldProblem { pointer: pointer.to_owned(), detail: detail.clone() };
        Self { fields: vec![field], ..Self::new(kind, detail) }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document as JSON.
    #[must_use]
    pub fn document(&self) -> String {
        let document = Document {
            kind: format!("/problems/{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status,
            detail: &self.detail,
            problems: &self.fields,
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// A fault of ours: said to the log, hidden from the caller.
    fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(&INTERNAL, "It is logged; quote the X-Request-Id when you ask us about it.")
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
        let mut response = HttpResponse::build(self.status());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(challenge) = self.challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        response.body(self.document())
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotJson { .. } => Self::new(&MALFORMED, malformed.to_string()),
            Malformed::Fields(fields) => {
                let detail = match fields.len() {
                    1 => "1 field needs mending.".to_owned(),
                    many => format!("{many} fields need mending."),
                };
                Self { fields, ..Self::new(&INVALID, detail) }
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::Unlisted(_) => Self::new(&PARTNER_NOT_LISTED, refusal.to_string()),
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
            Refusal::Range(_) => Self::at(&OUT_OF_RANGE, "/data", &refusal),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Conflict => Self::new(
                &EVENT_CONFLICT,
                "An event of this id is recorded with other content. A new event needs a new id; \
                 GET /v1/events/{id} shows the receipt of the recorded one.",
            ),
            WriteError::Busy => Self::busy("Too much is waiting; the event is not recorded."),
            WriteError::Stopped => Self::busy("The service is stopping; send the event again."),
            WriteError::OutOfRange => {
                Self::new(&OUT_OF_RANGE, "With this event a balance would be out of range.")
            }
            WriteError::Store(error) => Self::from_store(&error),
            WriteError::Fault(fault) => Self::internal(&fault),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl Problem {
    fn from_store(error: &StoreError) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "the database cannot now");
            return Self::busy("The database cannot be reached now; nothing was recorded.");
        }
        let source = std::error::Error::source(error).map(ToString::to_string);
        Self::internal(&format!("{error}: {}", source.unwrap_or_default()))
    }
}

/// A form that cannot be read.
pub fn form(error: actix_web::error::UrlencodedError, _: &HttpRequest) -> actix_web::Error {
    use actix_web::error::UrlencodedError;
    match error {
        UrlencodedError::Overflow { limit, .. } => Problem::too_large(limit).into(),
        _ => {
            let expected = "expected application/x-www-form-urlencoded";
            Problem::new(&MALFORMED, expected).into()
        }
    }
}

/// A query string that cannot be read.
pub fn query(error: actix_web::error::QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    Problem::new(&PARAMETER, error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_problem_has_its_own_slug_and_an_error_status() {
        let mut slugs: Vec<&str> = KINDS.iter().map(|kind| kind.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| (400..=599).contains(&kind.status)));
    }
}
