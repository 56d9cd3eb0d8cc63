//! Observes what the software of partners on trial does, for the conformance kit. It keeps kinds of
//! problems, routes and hashes of event ids, and nothing of a body.

use std::cell::RefCell;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};
use chrono::TimeDelta;
use futures_util::stream;
use serde_json::Value;

use super::problems;
use crate::clock::{self, Moment};
use crate::event::{AMOUNT_IS_NUMBER, Event, EventData, UNKNOWN_FIELD};
use crate::http::Gateway;
use crate::http::problem::{EVENT_TIME, Problem, RATE_LIMITED};
use crate::http::server::noted::noted_partner;
use crate::http::server::paths::TOKEN_PATH;
use crate::ids::{EventId, EventKey};
use crate::observations::{Place, Waiting};
use crate::partner::{Partner, sign};
use crate::writer::Outcome;

/// What handlers have seen of a request's events.
#[derive(Default)]
struct Sightings(RefCell<Vec<Sighting>>);

enum Sighting {
    Sign(&'static str),
    /// An event, and how long it is to wait where it could not be taken.
    Event(EventKey, Option<u64>),
}

/// A client that comes a little early has a clock that is a little off.
const EARLY_PERMILLE: u64 = 900;
/// A partner's other threads may send requests before they know of a 429. For this long that is no
/// fault.
const AT_ONCE: TimeDelta = TimeDelta::milliseconds(250);

/// What is noted of an event of a partner on trial, whatever comes of it.
#[derive(Clone, Copy)]
pub struct Watched {
    key: EventKey,
    /// Whether it names its order's stage.
    stage: Option<&'static str>,
}

impl Watched {
    /// `None`: the partner is not on trial.
    pub fn of(partner: &Partner, event: &Event) -> Option<Self> {
        partner
            .status
            .is_trial()
            .then(|| Self { key: EventKey::of(&partner.id, &event.id), stage: stage_of(event) })
    }

    /// Batches: whether stages are named is not noted.
    pub const fn among_others(self) -> Self {
        Self { stage: None, ..self }
    }
}

/// Notes what came of an event of a request.
pub fn note_outcome(
    request: &HttpRequest,
    watched: Option<Watched>,
    outcome: Result<&Outcome, &Problem>,
) {
    let extensions = request.extensions();
    let (Some(Watched { key, stage }), Some(sightings)) = (watched, extensions.get::<Sightings>())
    else {
        return;
    };
    let mut sightings = sightings.0.borrow_mut();
    match outcome {
        Ok(outcome) => {
            sightings.push(Sighting::Event(key, None));
            if outcome.duplicate_of.is_some() {
                sightings.push(Sighting::Sign(sign::ORDER_RESENT));
            } else if !outcome.replayed {
                sightings.extend(stage.map(Sighting::Sign));
            }
        }
        Err(problem) => sightings.push(Sighting::Event(key, passing(problem))),
    }
}

/// Notes a problem that is not the answer to the whole request.
pub fn note_problem(request: &HttpRequest, problem: &Problem) {
    let extensions = request.extensions();
    if let Some(sightings) = extensions.get::<Sightings>() {
        let mut sightings = sightings.0.borrow_mut();
        sightings.extend(signs_of(problem).into_iter().map(Sighting::Sign));
    }
}

fn stage_of(event: &Event) -> Option<&'static str> {
    match &event.data {
        EventData::Payment(_) | EventData::Refund(_) if event.business_key().is_some() => {
            Some(sign::STAGE_NAMED)
        }
        EventData::Payment(_) => Some(sign::STAGE_MISSING),
        _ => None,
    }
}

/// An event by its hash.
fn subject(key: EventKey) -> String {
    uuid::Uuid::from_bytes(*key.bytes()).simple().to_string()
}

/// Seconds to wait, where a problem is temporary.
fn passing(problem: &Problem) -> Option<u64> {
    let passes = matches!(problem.status().as_u16(), 429 | 500..=599);
    passes.then(|| problem.retry_after_seconds().unwrap_or(0))
}

/// What a problem shows about the software that caused it. A problem that was asked for shows
/// nothing.
fn signs_of(problem: &Problem) -> Vec<&'static str> {
    if problem.is_provoked() {
        return Vec::new();
    }
    let mut signs = vec![problem.kind().slug];
    let has = |detail: &str| problem.fields().iter().any(|field| field.detail.starts_with(detail));
    if has(AMOUNT_IS_NUMBER) {
        signs.push(sign::AMOUNT_AS_NUMBER);
    }
    if has(UNKNOWN_FIELD) {
        signs.push(sign::FIELD_UNKNOWN);
    }
    if *problem.kind() == EVENT_TIME && problem.detail().contains("future") {
        signs.push(sign::TIME_IN_FUTURE);
    }
    signs
}

/// Middleware: counts what partners on trial do.
///
/// # Errors
/// Those of the handler.
pub async fn watch_trials(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = clock::now();
    let asked_for = match asked_for(&mut request).await {
        Ok(id) => id,
        Err(error) => return Ok(request.error_response(error)),
    };
    request.extensions_mut().insert(Sightings::default());
    let response = next.call(request).await?.map_into_boxed_body();
    let partner = noted_partner(response.request()).filter(|partner| partner.status.is_trial());
    if let (Some(gateway), Some(partner)) =
        (response.request().app_data::<web::Data<Gateway>>(), partner)
    {
        if is_the_kit(response.request()) {
            count_for_kit(gateway, &partner, response.request());
        } else {
            count(gateway, &partner, &response, Asked { began, event: asked_for });
        }
    }
    Ok(response)
}

/// Counts the requests whose `User-Agent` is the kit's. Any software may send that name.
fn count_for_kit(gateway: &Gateway, partner: &Partner, request: &HttpRequest) {
    let route = request.match_pattern().unwrap_or_default();
    let place = Place { route: &route, subject: "" };
    gateway.observations.count(&partner.id, sign::KIT_REQUEST, place, clock::now());
}

/// Whether it is the conformance kit's, which breaks every rule on purpose.
fn is_the_kit(request: &HttpRequest) -> bool {
    let agent = request.headers().get(header::USER_AGENT);
    agent.is_some_and(|agent| agent.as_bytes() == sign::KIT_AGENT.as_bytes())
}

/// The id of the event that a request brings which asks for a problem: its handler reads no body.
async fn asked_for(request: &mut ServiceRequest) -> Result<Option<EventId>, actix_web::Error> {
    let is_asked = request.headers().contains_key(problems::HEADER);
    if !is_asked || request.path() != "/v1/events" {
        return Ok(None);
    }
    if let Some(id) = request.headers().get("ce-id") {
        return Ok(id.to_str().ok().and_then(|id| EventId::try_from(id).ok()));
    }
    let body = request.extract::<web::Bytes>().await?;
    let event: Option<Value> = serde_json::from_slice(&body).ok();
    let id = event.as_ref().and_then(|event| event.get("id")?.as_str());
    let id = id.and_then(|id| EventId::try_from(id).ok());
    let payload = stream::once(std::future::ready(Ok(body)));
    request.set_payload(Payload::Stream { payload: Box::pin(payload) });
    Ok(id)
}

/// When a request came, and the event for which it asks for a problem.
struct Asked {
    began: Moment,
    event: Option<EventId>,
}

fn count<B>(gateway: &Gateway, partner: &Partner, response: &ServiceResponse<B>, asked: Asked) {
    let Asked { began, event: asked_for } = asked;
    let (request, seen, now) = (response.request(), &gateway.observations, clock::now());
    let route = request.match_pattern().unwrap_or_default();
    let sign = |sign: &'static str| {
        seen.count(&partner.id, sign, Place { route: &route, subject: "" }, now)
    };
    if route == TOKEN_PATH {
        match response.status().as_u16() {
            200 => sign(sign::TOKEN),
            // A 401 with a known partner means that its own assertion was replayed.
            401 => sign(sign::ASSERTION_REUSED),
            _ => {}
        }
        return;
    }
    sign(sign::REQUEST);
    let error = response.response().error();
    let problem = error.and_then(|error| error.as_error::<Problem>());
    problem.map(signs_of).unwrap_or_default().into_iter().for_each(sign);
    let mut events = Vec::new();
    if let Some(sightings) = request.extensions().get::<Sightings>() {
        for sighting in sightings.0.borrow_mut().drain(..) {
            match sighting {
                Sighting::Sign(name) => sign(name),
                Sighting::Event(key, wait) => events.push((key, wait)),
            }
        }
    }
    let wait = problem.and_then(passing);
    events.extend(asked_for.map(|id| (EventKey::of(&partner.id, &id), wait)));
    let mut early = false;
    let until = |seconds: u64| {
        let millis = seconds.saturating_mul(EARLY_PERMILLE);
        now.plus(TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(0)))
    };
    for (key, wait) in events {
        early |= seen.is_early(&Waiting::Event(key), began);
        if let Some(seconds) = wait {
            let place = Place { route: &route, subject: &subject(key) };
            seen.count(&partner.id, sign::DEFERRED, place, now);
            seen.note_wait(Waiting::Event(key), now, until(seconds));
        }
    }
    let whole = Waiting::Partner(partner.id.clone());
    early |= seen.is_early(&whole, began);
    if let (Some(seconds), Some(&RATE_LIMITED)) = (wait, problem.map(Problem::kind)) {
        seen.note_wait(whole, now.plus(AT_ONCE), until(seconds));
    }
    if early {
        sign(sign::RETRY_TOO_EARLY);
    }
}
