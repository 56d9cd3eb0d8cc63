//! Partners read how their own referrals stand.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Gateway;
use super::auth::{Caller, ReferralsRead};
use super::problem::Problem;
use crate::clock::Moment;
use crate::ids::ReferralId;
use crate::money::{Amount, Asset};
use crate::store::referrals::{self, ReferralRecord};

#[derive(Serialize, ToSchema)]
#[schema(as = ReferralState)]
pub(super) struct View<'a> {
    referral: ReferralId,
    product: &'a str,
    currency: Asset,
    amount: Amount,
    region: &'a str,
    state: &'static str,
    reasons: &'a [String],
    effective_at: Moment,
    recorded_at: Moment,
}

/// One of the caller's own referrals. Another partner's is as unknown as one that does not exist.
#[utoipa::path(
    get, path = "/v1/referrals/{referral}", tag = "Referrals",
    security(("partner" = ["referrals:read"])),
    params(("referral" = ReferralId, Path, description = "The `referral.id` of its receipt.")),
    responses((status = 200, description = "How it stands.", body = View<'static>))
)]
pub async fn get_referral(
    caller: Caller<ReferralsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = Uuid::parse_str(&path).map_err(|_invalid| Problem::not_found())?;
    let partner = caller.partner.id.clone();
    let found = gateway
        .books(&caller.partner)
        .read(move |db| referrals::of_partner(db, &partner, ReferralId::from_uuid(id)))
        .await?;
    let referral = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(View::from(&referral)))
}

impl<'a> From<&'a ReferralRecord> for View<'a> {
    fn from(record: &'a ReferralRecord) -> Self {
        Self {
            referral: record.id,
            product: &record.product,
            currency: record.amount.asset(),
            amount: record.amount,
            region: &record.region,
            state: record.state.name(),
            reasons: &record.reasons,
            effective_at: record.effective_at,
            recorded_at: record.recorded_at,
        }
    }
}
