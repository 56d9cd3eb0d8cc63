//! Partners see what was sent to their endpoints, and replay messages that were given up.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, WebhooksManage};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{EndpointId, MessageId};
use crate::outbox::replay::{Replayed, ReplayedBy, replay};
use crate::store::outbox::dead::Message;
use crate::store::outbox::{State, deliveries};
use crate::webhook::endpoints;

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Only messages to this endpoint.
    #[param(value_type = Option<EndpointId>)]
    endpoint: Option<String>,
    #[param(pattern = "^(waiting|delivered|dead|superseded|cancelled)$")]
    state: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A message to an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(in crate::http) struct View {
    /// Its `webhook-id`.
    id: MessageId,
    endpoint: String,
    #[serde(rename = "type")]
    kind: String,
    state: &'static str,
    attempts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    recorded_at: Moment,
    /// When it is tried again, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Moment>,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveries)]
pub(in crate::http) struct Views {
    webhook_deliveries: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Messages to the caller's own endpoints, the newest first.
#[utoipa::path(
    get, path = "/v1/webhook-deliveries", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])), params(Page),
    responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_deliveries(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let books = gateway.books(&caller.partner);
    let Page { endpoint, state, cursor, limit } = page.into_inner();
    let unknown_state = || {
        let names = State::ALL.map(State::name).join(", ");
        Problem::parameter("state", &format!("expected {names}"))
    };
    let state = state.map(|name| State::by_name(&name).ok_or_else(unknown_state)).transpose()?;
    let place = Place::read(limit, cursor.as_deref(), |cursor| cursor.parse().ok())?;
    let (before, rows_max) = (place.after.unwrap_or(i64::MAX), place.rows_max());
    let who = &caller.partner.id;
    let endpoints: Vec<EndpointId> = match endpoint {
        Some(id) => {
            let id = EndpointId::try_from(id.as_str()).map_err(|_invalid| Problem::not_found())?;
            let found = endpoints::find(who, books, id).await?;
            vec![found.ok_or_else(Problem::not_found)?.id]
        }
        None => {
            let all = endpoints::list(who, books).await?;
            all.into_iter().map(|endpoint| endpoint.id).collect()
        }
    };
    let found = move |db: &mut _| deliveries::page(db, &endpoints, state, before, rows_max);
    let mut found = books.ask(found).await?;
    let next = place.cut(&mut found, |last| last.position.to_string());
    let webhook_deliveries = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { webhook_deliveries, next }))
}

/// Replays a dead letter: it waits again, as if it had never failed.
#[utoipa::path(
    post, path = "/v1/webhook-deliveries/{message}/replay", tag = "Webhooks",
    security(("partner" = ["webhooks:manage"])),
    params(("message" = MessageId, Path, description = "The message's id.")),
    responses((status = 202, description = "It waits again.", body = View))
)]
pub async fn replay_delivery(
    caller: Caller<WebhooksManage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let books = gateway.books(&caller.partner);
    let id = Uuid::parse_str(&path).map_err(|_invalid| Problem::not_found())?;
    let who = ReplayedBy::Partner(&caller.partner.id);
    match replay(who, books, MessageId::from_uuid(id)).await? {
        Replayed::Waiting(message) => Ok(HttpResponse::Accepted().json(View::of(message))),
        Replayed::NotDead(state) => Err(Problem::not_dead(state.name())),
        Replayed::Unknown => Err(Problem::not_found()),
    }
}

impl View {
    fn of(message: Message) -> Self {
        let waits = message.state == State::Waiting;
        Self {
            id: message.id,
            endpoint: message.destination.to_string(),
            kind: message.kind,
            state: message.state.name(),
            attempts: message.attempts,
            last_error: message.last_error,
            recorded_at: message.recorded_at,
            next_attempt_at: Some(message.next_attempt_at).filter(|_at| waits),
            delivered_at: message.delivered_at,
        }
    }
}
