//! Events, and rewards of conversions, that bring nothing until staff release or reject them.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::Moment;
use crate::event::read_object;
use crate::http::Gateway;
use crate::http::access::staff::{Decide, Read, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::bodies::Receipt;
use crate::http::schemas::requests::DecisionBody;
use crate::http::server::media::JsonBody;
use crate::http::server::page::Place;
use crate::http::server::paths::REPLAYED;
use crate::http::staff::reason::read_reason;
use crate::ids::{EventKey, PartnerId, ReferralId, TransactionId};
use crate::store::held_events::{self, HeldEvent, HeldFilter, HeldState};
use crate::writer::{HeldOrder, HeldOutcome, HeldStep};

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Events of this partner alone.
    #[param(value_type = Option<PartnerId>)]
    partner: Option<String>,
    /// `open` (usual), `released` or `rejected`.
    #[param(pattern = "^(open|released|rejected)$")]
    state: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A held event.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldEvent)]
pub(in crate::http) struct HeldView {
    #[schema(value_type = String, format = "uuid")]
    held: Uuid,
    partner: PartnerId,
    /// The event's type; `reward.converted` or `reward.first_repayment` for what a conversion brings.
    #[serde(rename = "type")]
    kind: String,
    /// The referral whose reward is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    referral: Option<ReferralId>,
    /// The limit or pattern by its id, or `late`, or `frozen`.
    rule: String,
    /// The figure with the event, where a limit holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    figure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    held_at: Moment,
    state: &'static str,
    /// Who has released it, where it goes beyond what one person may release in a day: another person
    /// must release it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed_because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Moment>,
    /// What it brought when it was released just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionId>,
    /// What the partner was answered: why it is held, in words.
    #[schema(value_type = Receipt)]
    receipt: Box<RawValue>,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct HeldEvents {
    held_events: Vec<HeldView>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

impl HeldView {
    fn new(held: HeldEvent, transaction: Option<TransactionId>) -> Result<Self, Problem> {
        let receipt = RawValue::from_string(held.receipt)
            .map_err(|error| Problem::internal(error.to_string()))?;
        let (decided, proposed) = (held.decided, held.proposed);
        Ok(Self {
            held: Uuid::from_bytes(*held.event.bytes()),
            partner: held.partner,
            kind: held.kind,
            referral: held.reward.map(|reward| reward.referral),
            rule: held.rule,
            figure: held.figure,
            limit: held.limit,
            held_at: held.recorded_at,
            state: held.state.name(),
            proposed_by: proposed.as_ref().map(|proposed| proposed.by.clone()),
            proposed_because: proposed.as_ref().map(|proposed| proposed.because.clone()),
            proposed_at: proposed.map(|proposed| proposed.at),
            decided_by: decided.as_ref().map(|decided| decided.by.clone()),
            because: decided.as_ref().map(|decided| decided.because.clone()),
            decided_at: decided.map(|decided| decided.at),
            transaction,
            receipt,
        })
    }
}

/// What is held, in the order of recording.
#[utoipa::path(
    get, path = "/v1/held-events", tag = "Decisions", security(("staff" = ["read"])),
    params(Page), responses((status = 200, description = "A page.", body = HeldEvents))
)]
pub async fn get_held_events(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { partner, state, cursor, limit } = page.into_inner();
    let partner = partner.map(PartnerId::try_from).transpose();
    let partner =
        partner.map_err(|_invalid| Problem::parameter("partner", "expected a partner's id"))?;
    let state = match state.as_deref() {
        None => HeldState::Open,
        Some(name) => HeldState::by_name(name)
            .ok_or_else(|| Problem::parameter("state", "expected open, released or rejected"))?,
    };
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let (filter, rows_max) = (HeldFilter { state, partner, after: place.after }, place.rows_max());
    let mut found = gateway.main.ask(move |db| held_events::page(db, &filter, rows_max)).await?;
    let next = place.cut(&mut found, |last| {
        format!("{}~{}", last.recorded_at, Uuid::from_bytes(*last.event.bytes()))
    });
    let held_events: Result<Vec<HeldView>, Problem> =
        found.into_iter().map(|held| HeldView::new(held, None)).collect();
    Ok(HttpResponse::Ok().json(HeldEvents { held_events: held_events?, next }))
}

/// One held event.
#[utoipa::path(
    get, path = "/v1/held-events/{held}", tag = "Decisions", security(("staff" = ["read"])),
    params(("held" = String, Path, description = "The held event.")),
    responses((status = 200, description = "The held event.", body = HeldView))
)]
pub async fn get_held_event(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let event = read_key(&path)?;
    let found = gateway.main.ask(move |db| held_events::get(db, event)).await?;
    let held = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(HeldView::new(held, None)?))
}

/// It brings what it would have brought, without limits, less what was refunded of it meanwhile.
#[utoipa::path(
    post, path = "/v1/held-events/{held}/release", tag = "Decisions",
    security(("staff" = ["decide"])),
    params(("held" = String, Path, description = "The held event.")),
    request_body = DecisionBody,
    responses(
        (status = 200, description = "Released, now or before.", body = HeldView),
        (status = 202, description = "Another person must release it too.", body = HeldView),
    )
)]
pub async fn release_event(
    staff: Staff<Decide>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    decide(staff, &gateway, &path, HeldStep::Release, &body).await
}

/// It brings nothing, for good.
#[utoipa::path(
    post, path = "/v1/held-events/{held}/rejection", tag = "Decisions",
    security(("staff" = ["decide"])),
    params(("held" = String, Path, description = "The held event.")),
    request_body = DecisionBody,
    responses((status = 200, description = "Rejected, now or before.", body = HeldView))
)]
pub async fn reject_event(
    staff: Staff<Decide>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    decide(staff, &gateway, &path, HeldStep::Reject, &body).await
}

async fn decide(
    staff: Staff<Decide>,
    gateway: &Gateway,
    id: &str,
    step: HeldStep,
    body: &[u8],
) -> Result<HttpResponse, Problem> {
    let event = read_key(id)?;
    let reason = read_object(body, read_reason)?;
    let order = HeldOrder { event, by: staff.id, own_subjects: staff.own_subjects, reason, step };
    let HeldOutcome { held, transaction, replayed } =
        gateway.main.writer.decide_held(order).await?;
    let waits = step == HeldStep::Release && held.state == HeldState::Open;
    let mut response = if waits { HttpResponse::Accepted() } else { HttpResponse::Ok() };
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(HeldView::new(held, transaction)?))
}

fn read_key(id: &str) -> Result<EventKey, Problem> {
    let id = Uuid::parse_str(id).map_err(|_invalid| Problem::not_found())?;
    Ok(EventKey::from_bytes(*id.as_bytes()))
}

fn read_cursor(cursor: &str) -> Option<(Moment, EventKey)> {
    let (at, key) = cursor.split_once('~')?;
    let key = EventKey::from_bytes(*Uuid::parse_str(key).ok()?.as_bytes());
    Some((Moment::parse(at)?, key))
}
