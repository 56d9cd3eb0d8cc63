//! Partners say where their events are to be sent, change the secret, and send a test.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, WebhooksManage};
use crate::http::problem::{ENDPOINTS_FULL, Problem};
use crate::http::schemas::requests::WebhookEndpointBody;
use crate::http::server::media::JsonBody;
use crate::ids::{EndpointId, MessageId};
use crate::store::outbox::Kind;
use crate::store::webhook_endpoints::Endpoint;
use crate::webhook::EndpointUrl;
use crate::webhook::endpoint::{EVENTS, event_by_name};
use crate::webhook::endpoints::{self, Deleted, ENDPOINTS_MAX, Made, Rotated, Tested};

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

/// The outcome of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTest)]
pub(in crate::http) struct TestAnswer {
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
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (url, events) = read_object(&body, |body| {
        let (url, events) = (read_url(body, &gateway), read_events(body));
        Some((url?, events?))
    })?;
    let books = gateway.books(&caller.partner);
    match endpoints::make(&caller.partner.id, books, url, events).await? {
        Made::Endpoint(endpoint) => {
            Ok(HttpResponse::Created().json(with_secret(endpoint, &gateway)?))
        }
        Made::TooMany => {
            let detail = format!("A partner has at most {ENDPOINTS_MAX}.");
            Err(Problem::new(&ENDPOINTS_FULL, detail))
        }
    }
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
    let books = gateway.books(&caller.partner);
    let found = endpoints::list(&caller.partner.id, books).await?;
    let webhook_endpoints = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { webhook_endpoints }))
}

/// Deletes an endpoint. Messages that wait for it are cancelled.
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
    match endpoints::delete(&caller.partner.id, books, read_id(&path)?).await? {
        Deleted::Deleted => Ok(HttpResponse::NoContent().finish()),
        Deleted::Unknown => Err(Problem::not_found()),
    }
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
    match endpoints::rotate_secret(&caller.partner.id, books, read_id(&path)?).await? {
        Rotated::Endpoint(endpoint) => {
            Ok(HttpResponse::Created().json(with_secret(endpoint, &gateway)?))
        }
        Rotated::Unknown => Err(Problem::not_found()),
        Rotated::Overtaken => {
            Err(Problem::busy("Another rotation came first: ask again if you want one more."))
        }
    }
}

/// Sends an event of the type `endpoint.test` now, beside the line. An endpoint that takes it is
/// enabled, and what waits for it goes out at once.
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{endpoint}/test", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])),
    params(("endpoint" = EndpointId, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "What came of it.", body = TestAnswer))
)]
pub async fn test_endpoint(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let books = gateway.books(&caller.partner);
    let answer = match endpoints::test(&caller.partner.id, books, read_id(&path)?).await? {
        Tested::Unknown => return Err(Problem::not_found()),
        Tested::Delivered { message, status } => {
            TestAnswer { message, delivered: true, status: Some(status), error: None }
        }
        Tested::Undelivered { message, why } => TestAnswer {
            message,
            delivered: false,
            status: why.status(),
            error: Some(why.to_string()),
        },
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn read_id(path: &str) -> Result<EndpointId, Problem> {
    EndpointId::try_from(path).map_err(|_invalid| Problem::not_found())
}

fn with_secret(endpoint: Endpoint, gateway: &Gateway) -> Result<View, Problem> {
    let secret = gateway.keys.webhook.secret(endpoint.id, endpoint.secret_version);
    let secret = secret.ok_or_else(|| Problem::internal("no secret for an endpoint"))?.reveal();
    Ok(View { secret: Some(secret), ..View::of(endpoint) })
}

fn read_url(body: &mut FieldReader<'_>, gateway: &Gateway) -> Option<EndpointUrl> {
    let url = EndpointUrl::parse(body.text("url", 500)?, gateway.webhooks);
    url.map_err(|error| body.fail("url", error.to_string())).ok()
}

fn read_events(body: &mut FieldReader<'_>) -> Option<Vec<Kind>> {
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
