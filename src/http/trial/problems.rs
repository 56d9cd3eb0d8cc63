//! Problems that a partner on trial asks for: by a header of any of its requests, or by the id of an
//! event. It gets what a real case would give, and nothing is recorded. To real partners both are
//! like any other header and id.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use crate::clock;
use crate::http::problem::{KINDS, Kind, Problem, RATE_LIMITED};
use crate::http::server::noted::note_nothing_left;
use crate::ids::EventId;
use crate::partner::Partner;

/// Names the problem that the request is to be answered with, by its slug.
pub const HEADER: HeaderName = HeaderName::from_static("sandbox-problem");

/// An event of such an id is refused with the problem whose slug follows.
const EVENT_ID_PREFIX: &str = "problem-";

fn by_slug(slug: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.slug == slug)
}

/// The problem that a request asks for.
///
/// # Errors
/// That problem, or what is wrong with the header.
pub fn by_header(request: &HttpRequest, partner: &Partner) -> Result<(), Problem> {
    let Some(value) = request.headers().get(HEADER).filter(|_value| partner.status.is_trial())
    else {
        return Ok(());
    };
    let Some(kind) = value.to_str().ok().and_then(by_slug) else {
        return Err(Problem::parameter("Sandbox-Problem", "expected the slug of a problem type"));
    };
    if *kind == RATE_LIMITED {
        note_nothing_left(request);
    }
    Err(Problem::sample(kind, clock::now()))
}

/// The problem that an event's id asks for.
///
/// # Errors
/// That problem.
pub fn by_event_id(event: &EventId, partner: &Partner) -> Result<(), Problem> {
    let slug =
        event.as_str().strip_prefix(EVENT_ID_PREFIX).filter(|_slug| partner.status.is_trial());
    match slug.and_then(by_slug) {
        Some(kind) => Err(Problem::sample(kind, clock::now())),
        None => Ok(()),
    }
}
