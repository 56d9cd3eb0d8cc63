//! Staff see how the reconciliation of a partner goes.

use actix_web::{HttpResponse, web};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::statements::read_partner;
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::{Reconcile, Staff};
use crate::http::problem::Problem;
use crate::ids::PartnerId;
use crate::money::{Amount, Asset};
use crate::reconcile::period::Period;
use crate::reconcile::report::{self, AgedBreaks, MonthFigures};
use crate::store::Db;

/// The query of the report.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[param(value_type = PartnerId, required)]
    partner: Option<String>,
}

/// How the reconciliation of a partner goes.
#[derive(Serialize, ToSchema)]
#[schema(as = ReconciliationFigures)]
pub(in crate::http) struct View {
    partner: PartnerId,
    /// Breaks on which nobody has decided, by age and code.
    breaks: Vec<BreaksView>,
    /// What the two sides are apart in breaks that are open for more than 30 days, in CNY.
    value_beyond_30_days: Amount,
    /// The last twelve that are over, the latest first.
    months: Vec<MonthView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AgedBreaks)]
struct BreaksView {
    code: String,
    /// Days since they were opened: `0-7`, `8-30` or `31+`.
    age: &'static str,
    count: i64,
    /// What the two sides are apart, in CNY.
    value: Amount,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MonthFigures)]
struct MonthView {
    period: Period,
    /// Lines of the statement that the last run compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lines: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    matched: Option<u64>,
    /// The share of lines that agree by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false)]
    match_rate: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    closed_at: Option<Moment>,
    /// From the first day after the month to the day of its close.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    days_to_close: Option<i64>,
}

/// How much of a partner's statements agrees by itself, what is open and since when, and how long its
/// months take until they are closed.
#[utoipa::path(
    get, path = "/v1/reconciliation/report", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(Asked), responses((status = 200, description = "The report.", body = View))
)]
pub async fn get_reconciliation_report(
    _staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let partner = read_partner(&gateway, asked.partner.as_deref())?.id.clone();
    let (of, now, zone) = (partner.clone(), clock::now(), gateway.time_zone);
    let read = move |db: &mut Db| report::read(db, &of, now, zone);
    let found = gateway.main.ask_or(read).await?;
    Ok(HttpResponse::Ok().json(View {
        partner,
        breaks: found.breaks.into_iter().map(BreaksView::of).collect(),
        value_beyond_30_days: found.value_beyond,
        months: found.months.into_iter().map(MonthView::of).collect(),
    }))
}

impl BreaksView {
    fn of(breaks: AgedBreaks) -> Self {
        Self {
            code: breaks.open.code,
            age: breaks.age.name(),
            count: breaks.open.count,
            value: Amount::from_minor(breaks.open.minor, Asset::CNY),
        }
    }
}

impl MonthView {
    fn of(month: MonthFigures) -> Self {
        Self {
            period: month.period,
            lines: month.lines,
            matched: month.matched,
            match_rate: month.match_rate(),
            closed_at: month.closed_at,
            days_to_close: month.days_to_close,
        }
    }
}
