//! Operators look at what was given up on its way out, and put it in line again.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::staff::{Operate, Staff};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::MessageId;
use crate::outbox::replay::{Replayed, ReplayedBy, replay};
use crate::store::outbox::Channel;
use crate::store::outbox::dead::{self, Message};

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    #[param(pattern = "^(crm|webhook|notice)$")]
    channel: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A message on its way out, without what it says.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(in crate::http) struct View {
    id: MessageId,
    channel: &'static str,
    /// The CRM, one webhook endpoint, or the sender of notices.
    destination: String,
    kind: String,
    /// The id of the referral or the event that it is about.
    #[schema(value_type = String, format = "uuid")]
    subject: Uuid,
    revision: i64,
    state: &'static str,
    attempts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    recorded_at: Moment,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetters)]
pub(in crate::http) struct Views {
    dead_letters: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Messages that were given up, the oldest first.
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "Operations", security(("staff" = ["operate"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_dead_letters(
    _staff: Staff<Operate>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { channel, cursor, limit } = page.into_inner();
    let channel = channel
        .map(|name| {
            [Channel::Crm, Channel::Webhook, Channel::Notice]
                .into_iter()
                .find(|channel| channel.name() == name)
                .ok_or_else(|| Problem::parameter("channel", "expected crm, webhook, notice"))
        })
        .transpose()?;
    let place = Place::read(limit, cursor.as_deref(), |cursor| cursor.parse().ok())?;
    let (after, rows_max) = (place.after.unwrap_or(0), place.rows_max());
    let mut found = gateway.main.ask(move |db| dead::page(db, channel, after, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.position.to_string());
    let dead_letters = found.into_iter().map(View::of).collect();
    Ok(HttpResponse::Ok().json(Views { dead_letters, next }))
}

/// A message goes in line again, as if it had never failed.
#[utoipa::path(
    post, path = "/v1/dead-letters/{message}/replay", tag = "Operations",
    security(("staff" = ["operate"])),
    params(("message" = MessageId, Path, description = "The message's id.")),
    responses((status = 202, description = "It waits again.", body = View))
)]
pub async fn replay_dead_letter(
    staff: Staff<Operate>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = MessageId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    match replay(ReplayedBy::Staff(&staff.id), &gateway.main, id).await? {
        Replayed::Waiting(message) => Ok(HttpResponse::Accepted().json(View::of(message))),
        Replayed::NotDead(state) => Err(Problem::not_dead(state.name())),
        Replayed::Unknown => Err(Problem::not_found()),
    }
}

impl View {
    fn of(message: Message) -> Self {
        Self {
            id: message.id,
            channel: message.destination.channel().name(),
            destination: message.destination.to_string(),
            kind: message.kind,
            subject: message.subject,
            revision: message.revision,
            state: message.state.name(),
            attempts: message.attempts,
            last_error: message.last_error,
            recorded_at: message.recorded_at,
        }
    }
}
