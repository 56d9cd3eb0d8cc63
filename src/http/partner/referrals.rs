//! Partners read how their own referrals stand, and how they came there.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::Gateway;
use crate::http::access::auth::{Caller, ReferralsRead};
use crate::http::problem::Problem;
use crate::http::schemas::referral::{ReferralView, Rewards, read_id, read_page, read_place};
use crate::ids::ReferralId;
use crate::referral::ReferralState;
use crate::store::referrals::{self, Filter};
use crate::store::{held_events, referral_moves, referral_rewards};

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Only those in this state.
    #[param(pattern = "^[a-z_]{1,20}$")]
    state: Option<String>,
    /// The `next` of the page before.
    #[param(value_type = Option<ReferralId>)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReferralStates)]
pub(in crate::http) struct Views<'a> {
    referrals: Vec<ReferralView<'a>>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// One of the caller's own referrals, with its history. Another partner's is as unknown as one that
/// does not exist.
#[utoipa::path(
    get, path = "/v1/referrals/{referral}", tag = "Referrals",
    security(("partner" = ["referrals:read"])),
    params(("referral" = ReferralId, Path, description = "The `referral.id` of its receipt.")),
    responses((status = 200, description = "How it stands.", body = ReferralView<'static>))
)]
pub async fn get_referral(
    caller: Caller<ReferralsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let partner = caller.partner.id.clone();
    let found = gateway
        .books(&caller.partner)
        .ask(move |db| {
            let Some(referral) = referrals::of_partner(db, &partner, id)? else { return Ok(None) };
            let moves = referral_moves::of(db, id)?;
            let given = referral_rewards::commissions(db, id)?;
            Ok(Some((referral, moves, given, held_events::rewards_of(db, id)?)))
        })
        .await?;
    let (referral, moves, given, held) = found.ok_or_else(Problem::not_found)?;
    let rewards = Rewards { given: &given, held: &held };
    Ok(HttpResponse::Ok().json(ReferralView::whole(&referral, &moves, rewards)?))
}

/// The caller's own referrals, the oldest first.
#[utoipa::path(
    get, path = "/v1/referrals", tag = "Referrals", security(("partner" = ["referrals:read"])),
    params(Page), responses((status = 200, description = "A page.", body = Views<'static>))
)]
pub async fn get_referrals(
    caller: Caller<ReferralsRead>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { state, cursor, limit } = page.into_inner();
    let state = state.map(|name| read_state(&name)).transpose()?;
    let place = read_place(limit, cursor.as_deref())?;
    let filter = Filter { partner: Some(caller.partner.id.clone()), state, after: None };
    let (found, next) = read_page(gateway.books(&caller.partner), filter, place).await?;
    let referrals = found.iter().map(ReferralView::from).collect();
    Ok(HttpResponse::Ok().json(Views { referrals, next }))
}

fn read_state(name: &str) -> Result<ReferralState, Problem> {
    ReferralState::by_name(name).ok_or_else(|| {
        let names = ReferralState::ALL.map(ReferralState::name).join(", ");
        Problem::parameter("state", &format!("expected {names}"))
    })
}
