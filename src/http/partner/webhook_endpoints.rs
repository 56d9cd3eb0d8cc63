//! Partners say where their events are to be told, change the secret, and try it.

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::books::Books;
use crate::clock::{self, Moment};
use crate::event::{Reader, read_object};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, WebhooksManage};
use crate::http::openapi::bodies::WebhookEndpointBody;
use crate::http::problem::{ENDPOINTS_FULL, Problem};
use crate::ids::{EndpointId, MessageId, PartnerId};
use crate::store::outbox::{Kind, deliveries};
use crate::store::webhook_endpoints::{self, Endpoint, State};
use crate::webhook::EndpointUrl;
use crate::webhook::endpoint::{EVENTS, event_by_name};

/// Endpoints that a partner may have.
const ENDPOINTS_MAX: usize = 10;
/// How long the secret before signs too.
const BOTH_SIGN_FOR: TimeDelta = TimeDelta::hours(24);

/// An endpoint as its partner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(in crate::http) struct View {
    id: EndpointId,
    url: String,
    events: Vec<&'static str>,
    /// `enabled`, or `disabled` because it answered 410; a test that it takes enables it again.
    state: &'static str,
    created_at: Moment,
    /// Until then what is sent is signed with the secret before too.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_until: Option<Moment>,
    /// Shown when it is made, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// All of a partner's: at most ten.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoints)]
pub(in crate::http) struct Views {
    webhook_endpoints: Vec<View>,
}

/// What came of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTest)]
pub(in crate::http) struct Tested {
    /// The `webhook-id` that it was sent with.
    message: MessageId,
    delivered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A new endpoint, with the secret that signs what is sent to it.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])), request_body = WebhookEndpointBody,
    responses((status = 201, description = "The endpoint and its secret.", body = View))
)]
pub async fn make_endpoint(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let (url, events) = read_object(&body, |body| {
        let (url, events) = (read_url(body, &gateway), read_events(body));
        Some((url?, events?))
    })?;
    let endpoint = Endpoint {
        id: EndpointId::random(),
        partner: caller.partner.id.clone(),
        url: url.as_str().to_owned(),
        events,
        secret_version: 1,
        previous_until: None,
        state: State::Enabled,
        created_at: clock::now(),
    };
    let kept = endpoint.clone();
    let made = gateway
        .books(&caller.partner)
        .read(move |db| {
            db.write(|tx| {
                let there = webhook_endpoints::of_partner(tx.db(), &kept.partner)?;
                if there.len() >= ENDPOINTS_MAX {
                    return Ok(false);
                }
                webhook_endpoints::insert(tx, &kept).map(|()| true)
            })
        })
        .await?;
    if !made {
        let detail = format!("A partner has at most {ENDPOINTS_MAX}.");
        return Err(Problem::new(&ENDPOINTS_FULL, detail));
    }
    Ok(HttpResponse::Created().json(with_secret(endpoint, &gateway)?))
}

/// The caller's own endpoints.
#[utoipa::path(
    get, path = "/v1/webhook-endpoints", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])),
    responses((status = 200, description = "All of them.", body = Views))
)]
pub async fn get_endpoints(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let partner = caller.partner.id.clone();
    let books = gateway.books(&caller.partner);
    let found = books.read(move |db| webhook_endpoints::of_partner(db, &partner)).await?;
    let webhook_endpoints = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { webhook_endpoints }))
}

/// Nothing more is told to it; what waits is cancelled.
#[utoipa::path(
    delete, path = "/v1/webhook-endpoints/{endpoint}", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])),
    params(("endpoint" = EndpointId, Path, description = "The endpoint's id.")),
    responses((status = 204, description = "It is gone."))
)]
pub async fn delete_endpoint(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let books = gateway.books(&caller.partner);
    let id = own(books, &caller.partner.id, &path).await?.id;
    books
        .read(move |db| {
            db.write(|tx| {
                let now = clock::now();
                webhook_endpoints::set_state(tx, id, State::Deleted, now)?;
                deliveries::cancel_all(tx, id, now)
            })
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A new secret; for a day what is sent is signed with the one before too.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{endpoint}/secret-rotation", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])),
    params(("endpoint" = EndpointId, Path, description = "The endpoint's id.")),
    responses((status = 201, description = "The endpoint and its new secret.", body = View))
)]
pub async fn rotate_secret(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let books = gateway.books(&caller.partner);
    let mut endpoint = own(books, &caller.partner.id, &path).await?;
    let present = endpoint.clone();
    let now = clock::now();
    let until = now.plus(BOTH_SIGN_FOR);
    let rotated = books
        .read(move |db| db.write(|tx| webhook_endpoints::rotate(tx, &present, until, now)))
        .await?;
    if !rotated {
        return Err(Problem::busy("Another rotation came first: ask again if you want one more."));
    }
    endpoint.secret_version = endpoint.secret_version.saturating_add(1);
    endpoint.previous_until = Some(until);
    Ok(HttpResponse::Created().json(with_secret(endpoint, &gateway)?))
}

/// Sends an event of the type `endpoint.test` now, beside the line. An endpoint that takes it is
/// enabled, and what waits for it goes out at once.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{endpoint}/test", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])),
    params(("endpoint" = EndpointId, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "What came of it.", body = Tested))
)]
pub async fn test_endpoint(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let books = gateway.books(&caller.partner);
    let endpoint = own(books, &caller.partner.id, &path).await?;
    let message = MessageId::random();
    let body = json!({
        "type": "endpoint.test", "timestamp": clock::now(), "data": { "endpoint": endpoint.id },
    });
    let sent = Box::pin(books.webhook.post(&endpoint, message, &body.to_string())).await;
    if sent.is_ok() {
        let id = endpoint.id;
        books
            .read(move |db| {
                db.write(|tx| {
                    let now = clock::now();
                    webhook_endpoints::set_state(tx, id, State::Enabled, now)?;
                    deliveries::hasten(tx, id, now)
                })
            })
            .await?;
        books.messages_waiting.notify_one();
    }
    let (status, error) = match sent {
        Ok(status) => (Some(status), None),
        Err(error) => (error.status(), Some(error.to_string())),
    };
    let delivered = error.is_none();
    Ok(HttpResponse::Ok().json(Tested { message, delivered, status, error }))
}

/// The caller's own endpoint of that id; another partner's is as unknown as one that is deleted.
pub(in crate::http) async fn own(
    books: &Books,
    partner: &PartnerId,
    id: &str,
) -> Result<Endpoint, Problem> {
    let id = EndpointId::try_from(id).map_err(|_invalid| Problem::not_found())?;
    let found = books.read(move |db| webhook_endpoints::get(db, id)).await?;
    found
        .filter(|endpoint| endpoint.partner == *partner && endpoint.state != State::Deleted)
        .ok_or_else(Problem::not_found)
}

fn with_secret(endpoint: Endpoint, gateway: &Gateway) -> Result<View, Problem> {
    let secret = gateway.keys.webhook.secret(endpoint.id, endpoint.secret_version);
    let secret = secret.ok_or_else(|| Problem::internal("no secret for an endpoint"))?.reveal();
    Ok(View { secret: Some(secret), ..View::of(endpoint) })
}

fn read_url(body: &mut Reader<'_>, gateway: &Gateway) -> Option<EndpointUrl> {
    let url = EndpointUrl::parse(body.text("url", 500)?, gateway.webhooks);
    url.map_err(|error| body.fail("url", error.to_string())).ok()
}

fn read_events(body: &mut Reader<'_>) -> Option<Vec<Kind>> {
    let listed = body.optional("events").and_then(|events| events.as_array());
    let mut events: Vec<Kind> = Vec::new();
    for name in listed.into_iter().flatten() {
        let Some(kind) = name.as_str().and_then(event_by_name) else {
            events.clear();
            break;
        };
        if !events.contains(&kind) {
            events.push(kind);
        }
    }
    if events.is_empty() {
        let names = EVENTS.map(Kind::name).join(", ");
        body.fail("events", format!("expected one or more of {names}"));
        return None;
    }
    Some(events)
}

impl View {
    fn of(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url,
            events: endpoint.events.into_iter().map(Kind::name).collect(),
            state: endpoint.state.name(),
            created_at: endpoint.created_at,
            previous_until: endpoint.previous_until.filter(|until| clock::now() < *until),
            secret: None,
        }
    }
}
