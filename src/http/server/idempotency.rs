//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) around every route that changes
//! something: the same request again gets the first one's answer, whichever gateway it reaches.
//! Without the header nothing happens here. Scoped by caller and route; answers are kept for a day,
//! sealed, because a code is a secret while it is good. What says to come back (429, 5xx) and what
//! depends on who asks (401, 403) is not kept.

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use futures_util::stream;
use tracing::Instrument;

use crate::books::Books;
use crate::clock;
use crate::customer::Sealed;
use crate::http::Gateway;
use crate::http::problem::{IDEMPOTENCY_KEY, IDEMPOTENCY_MISMATCH, Problem};
use crate::http::server::paths::REPLAYED;
use crate::idempotency;
use crate::ids::{LeaseId, RequestKey};
use crate::store::idempotency_keys::{Claim, KeptAnswer, Request};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_CHARACTERS_MAX: usize = 255;
/// How long the work may take before a second request takes over: longer than any request takes.
const LEASE: TimeDelta = TimeDelta::seconds(120);
/// A larger answer is not kept.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A caller whose requests may carry an `Idempotency-Key`. It is extracted before the key is
/// looked at, so nothing is written for a caller that is refused. The handler then takes the caller
/// out of the request's extensions, because a rate or a proof must not be counted twice.
pub trait KeyedCaller: FromRequest<Error = Problem> + 'static {
    fn identity<'g>(&self, gateway: &'g Gateway) -> Identity<'g>;
}

/// Under whose name a key is kept, and where.
pub struct Identity<'g> {
    /// The same for one caller, whatever token it comes with.
    pub name: String,
    pub books: &'g Books,
}

/// Middleware: does the work of a request with a key once.
///
/// # Errors
/// Those of the handler; its own are answers.
pub async fn answer_once<C: KeyedCaller>(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if request.method().is_safe() || !request.headers().contains_key(KEY) {
        return next.call(request).await;
    }
    let (desk, asked) = match read_request::<C>(&mut request).await {
        Ok(read) => read,
        Err(error) => return Ok(request.error_response(error)),
    };
    match idempotency::claim(asked, &desk.books).await {
        Ok(Claim::Ours) => {
            // In a task of its own: when the caller hangs up, the work and its record go on, and
            // the caller's next try finds them.
            let work = work(desk, asked, request, next).in_current_span();
            let done = actix_web::rt::spawn(work).await;
            done.map_err(|_panicked| Problem::internal("the handler panicked"))?
        }
        Ok(found) => match answer(&desk.gateway, &asked, found) {
            Ok(response) => Ok(request.into_response(response)),
            Err(problem) => Ok(request.error_response(problem)),
        },
        Err(error) => Ok(request.error_response(Problem::from(error))),
    }
}

/// Where a request with a key is looked up.
struct Desk {
    gateway: web::Data<Gateway>,
    books: Books,
}

/// Reads who asks for what. The handler finds the caller and the body again.
async fn read_request<C: KeyedCaller>(
    request: &mut ServiceRequest,
) -> Result<(Desk, Request), actix_web::Error> {
    let key = read_key(request.request())?;
    let gateway = web::Data::clone(gateway_data(request.request())?);
    let caller = request.extract::<C>().await?;
    let Identity { name, books } = caller.identity(&gateway);
    let books = books.clone();
    request.extensions_mut().insert(caller);
    let body = request.extract::<web::Bytes>().await?;
    let now = clock::now();
    let asked = Request {
        key: request_key(request.request(), &name, &key),
        caller: RequestKey::of_caller(&name),
        fingerprint: fingerprint(&gateway, request.request(), &body),
        lease: LeaseId::random(),
        lease_until: now.plus(LEASE),
        expires_at: now.plus(gateway.registry.programme().retention.answers()),
    };
    let payload = stream::once(std::future::ready(Ok(body)));
    request.set_payload(Payload::Stream { payload: Box::pin(payload) });
    Ok((Desk { gateway, books }, asked))
}

/// The answer to a request whose work is not to be done now.
fn answer(gateway: &Gateway, asked: &Request, found: Claim) -> Result<HttpResponse, Problem> {
    match found {
        Claim::Answered(kept) => replay(gateway, asked, kept),
        Claim::OtherContent => Err(Problem::new(
            &IDEMPOTENCY_MISMATCH,
            "This Idempotency-Key came with another request. A new request needs a new key.",
        )),
        Claim::UnderWay | Claim::Ours => Err(Problem::under_way()),
    }
}

/// Does the work, and keeps its answer or gives the key back.
async fn work(
    desk: Desk,
    asked: Request,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let done = match next.call(request).await {
        Ok(response) => keepable(response).await,
        Err(error) => Err(error),
    };
    let kept = match &done {
        Ok((_response, Some(answer))) => Some(seal(&desk.gateway, &asked, answer)),
        _ => None,
    };
    let kept = kept.transpose()?;
    let noted = idempotency::finish(asked, &desk.books, kept).await;
    // The work is done and is answered: when the lease is over, a twin does it again, which adds
    // nothing (docs/api.md says so of each route).
    if let Err(error) = noted {
        Problem::from(error).log_cause();
    }
    done.map(|(response, _answer)| response)
}

/// The answer that is kept for the same request again.
struct Answer {
    status: StatusCode,
    content_type: Option<String>,
    body: Vec<u8>,
}

async fn keepable(
    response: ServiceResponse<BoxBody>,
) -> Result<(ServiceResponse<BoxBody>, Option<Answer>), actix_web::Error> {
    let status = response.status();
    if let Some(error) = response.response().error() {
        // A problem of ours is kept. What the framework answers by itself is not.
        let problem = error.as_error::<Problem>();
        let problem = problem.filter(|problem| is_final(status) && !problem.is_provoked());
        let answer = problem.map(|problem| Answer {
            status,
            content_type: Some("application/problem+json".to_owned()),
            body: problem.document().into_bytes(),
        });
        return Ok((response, answer));
    }
    // What must not be stored anywhere, such as a person's data, is not kept here either.
    let cache = response.headers().get(header::CACHE_CONTROL);
    let secret = cache.is_some_and(|value| value.as_bytes() == b"no-store");
    if secret || !is_final(status) {
        return Ok((response, None));
    }
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    // In memory already.
    let body = to_bytes(body).await.map_err(|error| Problem::internal(error.to_string()))?;
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    // One that is too large is not kept: the work is done again, and adds nothing.
    let small = body.len() <= ANSWER_BYTES_MAX;
    let answer = small.then(|| Answer { status, content_type, body: body.to_vec() });
    let response = response.set_body(body).map_into_boxed_body();
    Ok((ServiceResponse::new(request, response), answer))
}

/// Whether the same request would get the same answer again.
fn is_final(status: StatusCode) -> bool {
    status.is_success()
        || (status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 408 | 413 | 429))
}

fn seal(gateway: &Gateway, asked: &Request, answer: &Answer) -> Result<KeptAnswer, Problem> {
    let sealed = gateway.keys.personal.seal(asked.key.bytes(), &answer.body);
    let sealed: Sealed = sealed.map_err(Problem::internal)?;
    let content_type = answer.content_type.clone();
    Ok(KeptAnswer { status: answer.status.as_u16(), content_type, sealed })
}

fn replay(
    gateway: &Gateway,
    asked: &Request,
    kept: KeptAnswer,
) -> Result<HttpResponse<BoxBody>, Problem> {
    let body = gateway.keys.personal.open(asked.key.bytes(), &kept.sealed);
    let body = body.map_err(Problem::internal)?;
    let status = StatusCode::from_u16(kept.status).map_err(Problem::internal)?;
    let mut response = HttpResponse::build(status);
    if let Some(content_type) = kept.content_type {
        response.insert_header((header::CONTENT_TYPE, content_type));
    }
    response.insert_header((REPLAYED, "true"));
    Ok(response.body(body))
}

/// The key that a request came with: a structured field String, quoted, or bare as many send it.
fn read_key(request: &HttpRequest) -> Result<String, Problem> {
    let mut values = request.headers().get_all(&KEY);
    let only = values.next().filter(|_only| values.next().is_none());
    let text = only.and_then(|value| value.to_str().ok()).map(str::trim);
    let key = text.and_then(|text| match text.strip_prefix('"') {
        None => Some(text.to_owned()),
        Some(_quoted) => {
            let item: sfv::Item = sfv::Parser::new(text).parse().ok()?;
            Some(item.bare_item.as_string()?.as_str().to_owned())
        }
    });
    let visible = |key: &String| {
        (1..=KEY_CHARACTERS_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    let expected = "Idempotency-Key: expected once, as a string in quotes of 1 to 255 visible ASCII \
                    characters, such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\".";
    key.filter(visible).ok_or_else(|| Problem::new(&IDEMPOTENCY_KEY, expected))
}

fn request_key(request: &HttpRequest, name: &str, key: &str) -> RequestKey {
    let route = request.match_pattern().unwrap_or_default();
    RequestKey::of_name(&[name, request.method().as_str(), &route, key])
}

/// Keyed, as an event's is: a body may hold a phone number.
fn fingerprint(gateway: &Gateway, request: &HttpRequest, body: &[u8]) -> [u8; 32] {
    let mut attributes: Vec<(&[u8], &[u8])> = request
        .headers()
        .iter()
        .filter(|(name, _value)| name.as_str().starts_with("ce-"))
        .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
        .collect();
    attributes.sort_unstable();
    let path = request.uri().path_and_query().map_or("", |target| target.as_str());
    let mut parts = vec![b"request".as_slice(), path.as_bytes(), body];
    parts.extend(attributes.into_iter().flat_map(|(name, value)| [name, value]));
    gateway.keys.fingerprint.of_parts(&parts)
}

fn gateway_data(request: &HttpRequest) -> Result<&web::Data<Gateway>, Problem> {
    request.app_data().ok_or_else(|| Problem::busy("The service is starting."))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_key_may_be_quoted_or_bare_and_is_the_same_key() {
        let key = |values: &[&str]| {
            let request = values
                .iter()
                .fold(TestRequest::post(), |post, value| post.append_header((KEY, *value)));
            read_key(&request.to_http_request()).map_err(|problem| problem.status().as_u16())
        };
        let same = Ok("a-1".to_owned());
        assert_eq!(key(&["\"a-1\""]), same);
        assert_eq!(key(&["a-1"]), same);
        assert_eq!(key(&["\"a-1\"; v=1"]), same);
        let long = "a".repeat(256);
        for bad in
            [&[][..], &["\"\""], &["\"a b\""], &["a b"], &["\"a"], &["a", "a"], &[&long], &["é"]]
        {
            assert_eq!(key(bad), Err(400), "{bad:?}");
        }
    }
}
