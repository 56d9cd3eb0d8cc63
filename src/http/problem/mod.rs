//! RFC 9457 problem documents: the table of their types, and the only places where errors become
//! one.

mod causes;
mod challenge;
mod kinds;
mod people;
mod reconcile;
mod samples;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use actix_web::error::QueryPayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde::Serialize;

use crate::event::{Difference, FieldProblem};
use crate::ids::EventId;
use crate::store::StoreError;
use crate::writer::ConflictingDuplicate;
use challenge::Challenge;
pub use kinds::*;

/// A problem as it is answered, with its cause for the log only.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: Cow<'static, str>,
    fields: Vec<FieldProblem>,
    duplicate: Option<Box<ConflictingDuplicate>>,
    retry_after_seconds: Option<u64>,
    /// `WWW-Authenticate` of a 401 or 403.
    challenge: Option<Box<Challenge>>,
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
    pub fn too_many_items(items_max: usize) -> Self {
        Self::new(&TOO_LARGE, format!("A batch holds at most {items_max} events."))
    }

    /// No token came with the request.
    #[must_use]
    pub fn no_token() -> Self {
        Self {
            challenge: Some(Box::default()),
            ..Self::new(&UNAUTHORIZED, "Send a token as Authorization: Bearer TOKEN.")
        }
    }

    /// The token cannot be accepted. `why` is a sentence that says what to do about it.
    #[must_use]
    pub fn bad_token(why: &impl fmt::Display) -> Self {
        Self {
            challenge: Some(Box::new(Challenge::of_error("invalid_token"))),
            ..Self::new(&UNAUTHORIZED, why.to_string())
        }
    }

    /// The proof that came with a token, or should have come, cannot be accepted. `code` is the
    /// error code of RFC 9449.
    #[must_use]
    pub fn bad_proof(code: &'static str, why: &impl fmt::Display) -> Self {
        Self {
            challenge: Some(Box::new(Challenge::of_error(code).by_proof())),
            ..Self::new(&UNAUTHORIZED, why.to_string())
        }
    }

    #[must_use]
    pub fn insufficient_scope(scope: &str) -> Self {
        Self {
            challenge: Some(Box::new(Challenge::of_error("insufficient_scope").needing(scope))),
            ..Self::new(&INSUFFICIENT_SCOPE, format!("This needs a token of the scope {scope}."))
        }
    }

    /// The same, of a token that came with a proof.
    #[must_use]
    pub fn by_proof(self) -> Self {
        let challenge = self.challenge.map(|challenge| Box::new(challenge.by_proof()));
        Self { challenge, ..self }
    }

    /// The same, where the tokens are ours: says where to learn how to get one (RFC 9728).
    #[must_use]
    pub fn to_partner(self, metadata_url: String) -> Self {
        let challenge =
            self.challenge.map(|challenge| Box::new(challenge.with_metadata(metadata_url)));
        Self { challenge, ..self }
    }

    #[must_use]
    pub fn role_missing(role: &str) -> Self {
        Self::new(&ROLE_MISSING, format!("This needs a token of the role {role}."))
    }

    /// The token of staff lists no roles at all.
    #[must_use]
    pub fn no_roles(claim: &str, role: &str) -> Self {
        let detail = format!(
            "This needs a token of the role {role}, and the token has no array of strings in the \
             claim {claim}: have the identity provider add it, or name its claim in the setting \
             staff_tokens.roles_claim."
        );
        Self::new(&ROLE_MISSING, detail)
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

    /// A customer or a member of staff asks too often.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(&RATE_LIMITED, "Too many requests: wait as long as Retry-After says.")
        }
    }

    #[must_use]
    pub fn too_many_streams() -> Self {
        Self {
            retry_after_seconds: Some(5),
            ..Self::new(&RATE_LIMITED, "Too many streams of this partner are open.")
        }
    }

    #[must_use]
    pub fn too_many_uploads() -> Self {
        Self {
            retry_after_seconds: Some(60),
            ..Self::new(&RATE_LIMITED, "Too many uploads are not whole: end or delete one.")
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
    pub fn too_many_hand_overs(retry_after_seconds: i64) -> Self {
        Self {
            retry_after_seconds: u64::try_from(retry_after_seconds).ok(),
            ..Self::new(&RATE_LIMITED, "Too many links into the wallet are waiting to be used.")
        }
    }

    /// A message that was not given up cannot be replayed.
    #[must_use]
    pub fn not_dead(state: &str) -> Self {
        Self::new(&NOT_DEAD, format!("It is {state}: there is nothing to replay."))
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

    /// The problem for an error status without a document of its own, such as the
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

    /// About one field of the body.
    #[must_use]
    pub fn field(kind: &'static Kind, pointer: &str, why: &impl fmt::Display) -> Self {
        Self::at(kind, pointer, why)
    }

    #[must_use]
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    #[must_use]
    pub fn fields(&self) -> &[FieldProblem] {
        &self.fields
    }

    #[must_use]
    pub const fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
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

    /// The name in its type's URI.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        self.kind.slug
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
            differences: self
                .duplicate
                .as_ref()
                .map_or(&[], |duplicate| duplicate.differences.as_slice()),
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
        if self.is_provoked() && self.kind == &METHOD {
            response.insert_header((header::ALLOW, "GET, POST"));
        }
        for line in self.challenge.iter().flat_map(|challenge| challenge.lines()) {
            response.append_header((header::WWW_AUTHENTICATE, line));
        }
        response.body(self.document_of(request_id))
    }

    /// Logs the cause, which the caller does not see, and returns whether there was one. The code that
    /// answers with the problem calls this; the middleware does where it is the whole response.
    pub fn log_cause(&self) -> bool {
        let Some(cause) = self.cause.as_ref().filter(|_cause| !self.is_provoked()) else {
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

/// `GET /problems/{slug}`: explains a problem's `type`.
///
/// # Errors
/// Not found, where there is no such type.
pub async fn get_kind(slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let kind =
        KINDS.iter().find(|kind| kind.slug == slug.as_str()).ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(serde_json::json!({
        "type": Reference(kind.slug), "title": kind.title, "status": kind.status,
        "advice": kind.advice,
    })))
}

/// A query string that cannot be read.
pub fn query(error: QueryPayloadError, _request: &HttpRequest) -> actix_web::Error {
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

    #[test]
    fn a_document_has_the_members_of_rfc_9457_and_no_internals() {
        let problem = Problem::internal("password=hunter2");
        let document = problem.document_of(Some("req-1"));
        assert_eq!(
            document,
            "{\"type\":\"/problems/internal\",\"title\":\"Internal server error\",\"status\":500,\
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
