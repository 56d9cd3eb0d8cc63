//! Staff hold commissions against what the CRM says.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::statements::read_partner;
use crate::http::Gateway;
use crate::http::access::staff::{Reconcile, Staff};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{PartnerId, ReferralId};
use crate::money::Amount;
use crate::reconcile::crm_results::{self, CrmDiffering};
use crate::store::Db;

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    #[param(value_type = PartnerId, required)]
    partner: Option<String>,
    /// The `next` of the page before.
    #[param(required = false, nullable = false)]
    cursor: Option<String>,
    /// How many referrals are looked at.
    #[param(minimum = 1, maximum = 100, required = false, nullable = false)]
    limit: Option<u16>,
}

/// A referral of which the CRM and our books do not say the same.
#[derive(Serialize, ToSchema)]
#[schema(as = CrmDifference)]
struct View {
    referral: ReferralId,
    state: &'static str,
    /// `COMMISSION_WITHOUT_RESULT` or `RESULT_WITHOUT_COMMISSION`.
    code: &'static str,
    says: &'static str,
    says_zh: &'static str,
    /// What the partner was given for it.
    commission: Amount,
    /// The furthest that the CRM has said: `contacted` or `converted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    crm_says: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CrmDifferences)]
pub(in crate::http) struct Views {
    differences: Vec<View>,
    /// Where the next page begins; null on the last. A page may have no differences.
    next: Option<String>,
}

/// A partner's referrals of which the CRM and our books do not say the same, the oldest first.
#[utoipa::path(
    get, path = "/v1/reconciliation/crm-results", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_crm_results(
    _staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { partner, cursor, limit } = page.into_inner();
    let partner = read_partner(&gateway, partner.as_deref())?.id.clone();
    let place = Place::read(limit, cursor.as_deref(), |text| ReferralId::try_from(text).ok())?;
    let (after, rows_max) = (place.after, place.rows_max().saturating_sub(1));
    let read = move |db: &mut Db| crm_results::page(db, &partner, after, rows_max);
    let found = gateway.main.ask_or(read).await?;
    let differences = found.differing.into_iter().map(View::of).collect();
    let next = found.next.map(|id| id.to_string());
    Ok(HttpResponse::Ok().json(Views { differences, next }))
}

impl View {
    fn of(found: CrmDiffering) -> Self {
        Self {
            referral: found.referral,
            state: found.state.name(),
            code: found.difference.name(),
            says: found.difference.says(),
            says_zh: found.difference.says_zh(),
            commission: found.commission,
            crm_says: found.crm_says.map(|state| state.name()),
        }
    }
}
