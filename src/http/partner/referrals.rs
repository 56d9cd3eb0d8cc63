//! Partners read how their own referrals stand, and how they came there.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::books::Books;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, ReferralsRead};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{ConsentId, ReferralId, TransactionId};
use crate::money::{Amount, Asset};
use crate::referral::ReferralState;
use crate::store::referral_moves::{self, MoveRecord};
use crate::store::referral_rewards::{self, CommissionRecord};
use crate::store::referrals::{self, Filter, ReferralRecord};

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

/// A referral as its partner sees it, without what the bank found.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralState)]
pub(in crate::http) struct View<'a> {
    referral: ReferralId,
    product: &'a str,
    currency: Asset,
    amount: Amount,
    region: &'a str,
    state: &'static str,
    /// Why it qualified, or did not.
    reasons: &'a [String],
    /// Its consent, by which it can be read and withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    consent: Option<ConsentId>,
    effective_at: Moment,
    recorded_at: Moment,
    /// How the referral came to this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Passed<'a>>>,
    /// What the partner was or is to be given for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    commissions: Option<Vec<Commission<'a>>>,
}

/// A state that a referral came to.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralMove)]
struct Passed<'a> {
    state: &'static str,
    /// Who moved it: `partner`, `customer`, `staff`, `crm` or `program`.
    by: &'a str,
    /// Why; of a decline only `not_proceeding`.
    reason: &'a str,
    moved_at: Moment,
}

#[derive(Serialize, ToSchema)]
struct Commission<'a> {
    currency: Asset,
    amount: Amount,
    /// `pending` until it may be paid, `given`, or `clawed_back`.
    state: &'a str,
    /// When it may be paid, where it is under reservation first.
    #[serde(skip_serializing_if = "Option::is_none")]
    matures_at: Option<Moment>,
    rule: &'a str,
    transaction: TransactionId,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReferralStates)]
pub(in crate::http) struct Views<'a> {
    referrals: Vec<View<'a>>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// One of the caller's own referrals, with its history. Another partner's is as unknown as one that
/// does not exist.
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
    let id = read_id(&path)?;
    let partner = caller.partner.id.clone();
    let found = gateway
        .books(&caller.partner)
        .ask(move |db| {
            let Some(referral) = referrals::of_partner(db, &partner, id)? else { return Ok(None) };
            let moves = referral_moves::of(db, id)?;
            Ok(Some((referral, moves, referral_rewards::commissions(db, id)?)))
        })
        .await?;
    let (referral, moves, commissions) = found.ok_or_else(Problem::not_found)?;
    let view = View {
        history: Some(moves.iter().map(Passed::from).collect()),
        commissions: Some(commissions.iter().map(Commission::from).collect()),
        ..View::from(&referral)
    };
    Ok(HttpResponse::Ok().json(view))
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
    let referrals = found.iter().map(View::from).collect();
    Ok(HttpResponse::Ok().json(Views { referrals, next }))
}

/// A page, and where the next one begins.
pub(in crate::http) async fn read_page(
    books: &Books,
    mut filter: Filter,
    place: Place<ReferralId>,
) -> Result<(Vec<ReferralRecord>, Option<String>), Problem> {
    filter.after = place.after;
    let rows_max = place.rows_max();
    let mut found = books.ask(move |db| referrals::page(db, &filter, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.id.to_string());
    Ok((found, next))
}

/// Reads which page is asked for.
pub(in crate::http) fn read_place(
    limit: Option<u16>,
    cursor: Option<&str>,
) -> Result<Place<ReferralId>, Problem> {
    Place::read(limit, cursor, |text| ReferralId::try_from(text).ok())
}

pub(in crate::http) fn read_id(id: &str) -> Result<ReferralId, Problem> {
    let id = Uuid::parse_str(id).map_err(|_invalid| Problem::not_found())?;
    Ok(ReferralId::from_uuid(id))
}

fn read_state(name: &str) -> Result<ReferralState, Problem> {
    ReferralState::by_name(name).ok_or_else(|| {
        let names = ReferralState::ALL.map(ReferralState::name).join(", ");
        Problem::parameter("state", &format!("expected {names}"))
    })
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
            consent: record.consent,
            effective_at: record.effective_at,
            recorded_at: record.recorded_at,
            history: None,
            commissions: None,
        }
    }
}

impl<'a> From<&'a MoveRecord> for Passed<'a> {
    fn from(record: &'a MoveRecord) -> Self {
        Self {
            state: record.state.name(),
            by: &record.actor_kind,
            reason: &record.reason,
            moved_at: record.moved_at,
        }
    }
}

impl<'a> From<&'a CommissionRecord> for Commission<'a> {
    fn from(record: &'a CommissionRecord) -> Self {
        Self {
            currency: record.amount.asset(),
            amount: record.amount,
            state: &record.state,
            matures_at: record.matures_at,
            rule: &record.rule,
            transaction: record.transaction,
        }
    }
}
