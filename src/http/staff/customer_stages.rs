//! The stages of customers, for the staff who look after them.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Moment;
use crate::follow_up::CustomerStage;
use crate::http::Gateway;
use crate::http::access::staff::{Manage, Staff};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::CustomerId;
use crate::store::customer_stages::{self, StageMove, StageRecord};

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// In this stage alone.
    #[param(pattern = "^(aware|considering|using|at_risk)$")]
    stage: Option<String>,
    /// The `next` of the page before.
    #[param(value_type = Option<CustomerId>)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// Where a customer stands, and how they came there.
#[derive(Serialize, ToSchema)]
#[schema(as = CustomerStage)]
pub(in crate::http) struct View {
    customer: CustomerId,
    /// `aware`, `considering`, `using` or `at_risk`.
    stage: &'static str,
    since: Moment,
    /// The oldest first; absent in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    history: Option<Vec<Moved>>,
}

/// How a customer came to a stage.
#[derive(Serialize, ToSchema)]
#[schema(as = CustomerStageMove)]
struct Moved {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<&'static str>,
    stage: &'static str,
    says: String,
    says_zh: String,
    moved_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CustomerStages)]
pub(in crate::http) struct Views {
    customers: Vec<View>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// Customers with their stages.
#[utoipa::path(
    get, path = "/v1/customer-stages", tag = "Follow-up", security(("staff" = ["manage"])),
    params(Page), responses((status = 200, description = "A page.", body = Views))
)]
pub async fn get_stages(
    _staff: Staff<Manage>,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let Page { stage, cursor, limit } = page.into_inner();
    let stage = stage.map(|name| {
        let names = CustomerStage::ALL.map(CustomerStage::name).join(", ");
        CustomerStage::by_name(&name)
            .ok_or_else(|| Problem::parameter("stage", &format!("expected {names}")))
    });
    let stage = stage.transpose()?;
    let place = Place::read(limit, cursor.as_deref(), |text| CustomerId::try_from(text).ok())?;
    let (after, rows_max) = (place.after, place.rows_max());
    let mut found =
        gateway.main.ask(move |db| customer_stages::page(db, stage, after, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.customer.to_string());
    let customers = found.into_iter().map(|record| View::of(record, None)).collect();
    Ok(HttpResponse::Ok().json(Views { customers, next }))
}

/// Where one customer stands, and every move on the way there.
#[utoipa::path(
    get, path = "/v1/customers/{customer}/stage", tag = "Follow-up",
    security(("staff" = ["manage"])),
    params(("customer" = CustomerId, Path, description = "The customer.")),
    responses((status = 200, description = "The stage.", body = View))
)]
pub async fn get_stage(
    _staff: Staff<Manage>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = CustomerId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let found = gateway
        .main
        .ask(move |db| {
            let Some(record) = customer_stages::get(db, id)? else { return Ok(None) };
            Ok(Some((record, customer_stages::moves(db, id)?)))
        })
        .await?;
    let (record, moves) = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(View::of(record, Some(moves))))
}

impl View {
    fn of(record: StageRecord, moves: Option<Vec<StageMove>>) -> Self {
        let moved = |step: StageMove| Moved {
            from: step.from.map(CustomerStage::name),
            stage: step.stage.name(),
            says: step.says,
            says_zh: step.says_zh,
            moved_at: step.moved_at,
        };
        Self {
            customer: record.customer,
            stage: record.stage.name(),
            since: record.since,
            history: moves.map(|moves| moves.into_iter().map(moved).collect()),
        }
    }
}
