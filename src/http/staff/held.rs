//! Staff look at referrals that are on hold, and release or reject them.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Moment;
use crate::event::read_object;
use crate::http::Gateway;
use crate::http::access::staff::{Decide, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::referral::{ReferralView, read_id, read_place};
use crate::http::schemas::requests::DecisionBody;
use crate::http::server::media::JsonBody;
use crate::http::server::paths::REPLAYED;
use crate::http::staff::reason::read_reason;
use crate::ids::{PartnerId, ReferralId, TransactionId};
use crate::on_hold;
use crate::referral::{Actor, Move, ReferralStep};
use crate::writer::ReferralMoved;

/// The page of referrals that is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The `next` of the page before.
    #[param(value_type = Option<ReferralId>)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A referral on hold, as staff see it: without the person, whom only the sealed data names.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldReferral)]
struct Held<'a> {
    #[serde(flatten)]
    referral: ReferralView<'a>,
    partner: &'a PartnerId,
    /// Why it is on hold.
    finding: &'a str,
    score: i64,
    why: &'a [String],
    held_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HeldReferrals)]
pub(in crate::http) struct HeldPage<'a> {
    referrals: Vec<Held<'a>>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// What was decided.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Decided {
    referral: ReferralId,
    state: &'static str,
    /// What it posted, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<TransactionId>,
}

/// Referrals on hold, the oldest first. They stay so until somebody decides.
#[utoipa::path(
    get, path = "/v1/held-referrals", tag = "Decisions", security(("staff" = ["decide"])),
    params(Page), responses((status = 200, description = "A page.", body = HeldPage<'static>))
)]
pub async fn get_held(
    _staff: Staff<Decide>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { cursor, limit } = page.into_inner();
    let place = read_place(limit, cursor.as_deref())?;
    let (after, rows_max) = (place.after, place.rows_max());
    let mut found = gateway.main.ask(move |db| on_hold::referrals(db, after, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.record.id.to_string());
    let held = found.iter().map(|it| Held {
        referral: ReferralView::from(&it.record),
        partner: &it.record.partner,
        finding: &it.finding,
        score: it.record.placement.score,
        why: &it.record.placement.why,
        held_at: it.held_at,
    });
    Ok(HttpResponse::Ok().json(HeldPage { referrals: held.collect(), next }))
}

/// It goes on: it is a lead from now on, and what that brings is given.
#[utoipa::path(
    post, path = "/v1/referrals/{referral}/release", tag = "Decisions",
    security(("staff" = ["decide"])),
    params(("referral" = ReferralId, Path, description = "The referral.")),
    request_body = DecisionBody,
    responses((status = 200, description = "Released, now or before.", body = Decided))
)]
pub async fn release(
    staff: Staff<Decide>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    decide(staff, &gateway, &path, ReferralStep::Release, &body).await
}

/// It does not: the partner is told only that, and the person's data is erased.
#[utoipa::path(
    post, path = "/v1/referrals/{referral}/rejection", tag = "Decisions",
    security(("staff" = ["decide"])),
    params(("referral" = ReferralId, Path, description = "The referral.")),
    request_body = DecisionBody,
    responses((status = 200, description = "Rejected, now or before.", body = Decided))
)]
pub async fn reject_referral(
    staff: Staff<Decide>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    decide(staff, &gateway, &path, ReferralStep::Reject, &body).await
}

async fn decide(
    staff: Staff<Decide>,
    gateway: &Gateway,
    id: &str,
    step: ReferralStep,
    body: &[u8],
) -> Result<HttpResponse, Problem> {
    let id = read_id(id)?;
    let reason = read_object(body, read_reason)?;
    let order =
        Move::new(id, step, Actor::Staff(staff.id)).because(reason).by_customer(staff.own_subjects);
    let ReferralMoved { referral, state, replayed, transaction, .. } =
        gateway.main.writer.move_referral(order).await?;
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(Decided { referral, state: state.name(), transaction }))
}
