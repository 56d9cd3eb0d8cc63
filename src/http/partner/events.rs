//! Partners post what happened, one event or a batch, and get a receipt for each.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use tracing::debug_span;

use crate::clock;
use crate::event::{self, Event};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsRead, EventsWrite};
use crate::http::access::signature;
use crate::http::partner::binary_mode::{self, Mode};
use crate::http::problem::Problem;
use crate::http::schemas::bodies::{BatchAnswer, BatchBody, EventBody, Receipt};
use crate::http::server::media::{self, JSON};
use crate::http::server::paths::{BATCH_MAX, REPLAYED};
use crate::http::trial::hand_in::{hand_in, hand_in_all};
use crate::ids::{EventId, EventKey};
use crate::store::events;
use crate::writer::Outcome;

/// The type that keeps receipts apart from what else the key signs.
const RECEIPT_TYPE: &str = "receipt+jws";

/// One event: a CloudEvent, structured, or binary with its attributes in `ce-` headers. Answered
/// when it is durable; the same event again gets the first receipt.
#[utoipa::path(
    post, path = "/v1/events", tag = "Events", security(("partner" = ["events:write"])),
    request_body(content(
        (EventBody = "application/json"),
        (EventBody = "application/cloudevents+json"),
    )),
    responses(
        (status = 201, description = "Recorded now.", body = Receipt),
        (status = 200, description = "Recorded before: the first receipt.", body = Receipt),
    )
)]
pub async fn post_event(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let signed = signature::read(&caller.partner, &gateway, &request, &body)?;
    let reading = debug_span!("parse", bytes = body.len());
    let event = reading.in_scope(|| read_event(&caller, &gateway, request.headers(), &body))?;
    drop(reading);
    let outcome = hand_in(&request, &gateway, &caller.partner, event, signed).await;
    Ok(receipt_response(outcome?))
}

/// Up to 1,000 events, each with an outcome of its own, in their order.
#[utoipa::path(
    post, path = "/v1/events:batch", tag = "Events", security(("partner" = ["events:write"])),
    request_body(content(
        (BatchBody = "application/json"),
        (BatchBody = "application/cloudevents-batch+json"),
    )),
    responses((status = 200, description = "What came of each, in order.", body = BatchAnswer))
)]
pub async fn post_event_batch(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    binary_mode::expect_batch(request.headers())?;
    let signed = signature::read(&caller.partner, &gateway, &request, &body)?;
    let items = event::read_items(&body)?;
    if items.len() > BATCH_MAX {
        return Err(Problem::too_many_items(BATCH_MAX));
    }
    let signed = signed.map(|signed| signature::of_batch(&signed, items.len()));
    let key = &gateway.keys.fingerprint;
    let reading = debug_span!("parse", bytes = body.len(), events = items.len());
    let (partner, limits) = (&caller.partner.id, &caller.partner.limits);
    let read = items.into_iter().map(|item| {
        let parsed = reading.in_scope(|| event::parse_value(partner, limits, &item?, key));
        parsed.map_err(Problem::from)
    });
    let read = read.collect();
    drop(reading);
    let outcomes = hand_in_all(&request, &gateway, &caller.partner, read, signed).await;
    let body = batch_body(outcomes.into_iter(), &gateway);
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

/// The receipt of one of the caller's own events, the same bytes for ever.
#[utoipa::path(
    get, path = "/v1/events/{event}", tag = "Events", security(("partner" = ["events:read"])),
    params(("event" = EventId, Path, description = "The event's id.")),
    responses((status = 200, description = "The receipt.", body = Receipt))
)]
pub async fn get_event(
    caller: Caller<EventsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let receipt = stored_receipt(&caller, &gateway, path.into_inner()).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body(receipt))
}

/// The same, or with `Accept: application/jose` the same bytes signed (RFC 7515, compact), which
/// anyone can check who has our public key. In the sandbox they begin with `"sandbox": true`, and
/// are signed by a key of `/.well-known/sandbox-jwks.json`.
#[utoipa::path(
    get, path = "/v1/events/{event}/receipt", tag = "Events",
    security(("partner" = ["events:read"])),
    params(("event" = EventId, Path, description = "The event's id.")),
    responses((status = 200, description = "The receipt, or the receipt signed.", content(
        (Receipt = "application/json"), (String = "application/jose"),
    )))
)]
pub async fn get_receipt(
    caller: Caller<EventsRead>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let receipt = stored_receipt(&caller, &gateway, path.into_inner()).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Accept"));
    if !media::prefers(request.headers(), "application/jose", JSON) {
        return Ok(response.content_type("application/json").body(receipt));
    }
    let keys = &gateway.books(&caller.partner).keys;
    let said = signed_content(receipt, gateway.is_apart(&caller.partner));
    let signed = keys.sign(RECEIPT_TYPE, said.as_bytes(), clock::now());
    Ok(response.content_type("application/jose").body(signed.map_err(Problem::internal)?))
}

/// The bytes that are signed: the receipt's own. In a receipt of the sandbox a claim says so first,
/// so that nobody takes it for a real one.
fn signed_content(receipt: String, is_sandbox: bool) -> String {
    match receipt.strip_prefix('{') {
        Some(rest) if is_sandbox => format!("{{\"sandbox\":true,{rest}"),
        _ => receipt,
    }
}

async fn stored_receipt(
    caller: &Caller<EventsRead>,
    gateway: &Gateway,
    event: String,
) -> Result<String, Problem> {
    let id = EventId::try_from(event).map_err(|_invalid| Problem::not_found())?;
    let key = EventKey::of(&caller.partner.id, &id);
    let receipt = gateway.books(&caller.partner).ask(move |db| events::receipt(db, key)).await?;
    receipt.ok_or_else(Problem::not_found)
}

fn read_event(
    caller: &Caller<EventsWrite>,
    gateway: &Gateway,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Event, Problem> {
    let (partner, limits) = (&caller.partner.id, &caller.partner.limits);
    let key = &gateway.keys.fingerprint;
    match binary_mode::mode_of(headers)? {
        Mode::Structured => Ok(event::parse(partner, limits, body, key)?),
        Mode::Binary => {
            let attributes = binary_mode::attributes(headers)?;
            let attributes = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let value = event::binary_mode(attributes, body)?;
            Ok(event::parse_value(partner, limits, &value, key)?)
        }
    }
}

/// 201 for what was recorded now, 200 with the first receipt for a replay.
fn receipt_response(outcome: Outcome) -> HttpResponse {
    let status = if outcome.replayed { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
    if outcome.replayed {
        response.insert_header((REPLAYED, "true"));
    }
    match (&outcome.duplicate_of, outcome.receipt.strip_prefix('{')) {
        (Some(first), Some(rest)) => {
            response.body(format!("{{\"duplicate_of\":{},{rest}", in_json(first)))
        }
        _ => response.body(outcome.receipt),
    }
}

/// An event's id may hold quotes and backslashes.
fn in_json(id: &EventId) -> Value {
    Value::String(id.as_str().to_owned())
}

/// Receipts are JSON already, and are passed on to the byte.
fn batch_body(
    outcomes: impl Iterator<Item = Result<Outcome, Problem>>,
    gateway: &Gateway,
) -> String {
    let mut body = String::from("{\"outcomes\":[");
    // What fails a whole group fails each of its events alike: it is logged once.
    let mut is_logged = false;
    for (index, outcome) in outcomes.enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push('{');
        body.push_str(&outcome_members(&outcome, true));
        body.push('}');
        if let Err(problem) = &outcome {
            gateway.metrics.problem(problem.slug());
        }
        is_logged = is_logged || outcome.is_err_and(|problem| problem.log_cause());
    }
    body.push_str("]}");
    body
}

/// The members of one event's outcome. Receipts are JSON already, and are passed on to the byte.
pub(in crate::http) fn outcome_members(
    outcome: &Result<Outcome, Problem>,
    with_receipt: bool,
) -> String {
    match outcome {
        Ok(Outcome { receipt, replayed, duplicate_of }) => {
            let status = if *replayed { 200 } else { 201 };
            let receipt =
                if with_receipt { format!(",\"receipt\":{receipt}") } else { String::new() };
            let first = duplicate_of.as_ref();
            let first = first.map(|first| format!(",\"duplicate_of\":{}", in_json(first)));
            format!("\"status\":{status}{receipt}{}", first.unwrap_or_default())
        }
        Err(problem) => {
            let status = problem.status().as_u16();
            format!("\"status\":{status},\"problem\":{}", problem.document())
        }
    }
}
