//! Staff see what a partner's months are expected to bring, and what is missing.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::settlements::read_month;
use super::statements::read_partner;
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::{Reconcile, Staff};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{EventId, EventKey, PartnerId};
use crate::money::Amount;
use crate::reconcile::expectations::{
    self, EventExpectation, EventQuestion, MonthExpectation, PayoutExpectation, Terms,
};
use crate::reconcile::expected::ExpectationState;
use crate::reconcile::period::Period;
use crate::store::Db;

/// The query of the list of months.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MonthsPage {
    #[param(value_type = PartnerId, required)]
    partner: Option<String>,
    /// The `next` of the page before.
    #[param(required = false, nullable = false)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, required = false, nullable = false)]
    limit: Option<u16>,
}

/// The query of a month's events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventsPage {
    /// All without it.
    #[param(pattern = "^(met|waits|missing)$")]
    state: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// What a month is expected to bring.
#[derive(Serialize, ToSchema)]
#[schema(as = MonthExpectation)]
struct MonthView {
    period: Period,
    /// The partner's statement.
    statement: ExpectationView,
    /// What the bank pays for the closed month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payout: Option<PayoutView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Expectation)]
struct ExpectationView {
    #[schema(value_type = String, format = Date)]
    due_on: NaiveDate,
    /// `met`, `waits` or `missing`.
    state: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PayoutExpectation)]
struct PayoutView {
    #[schema(value_type = String, format = Date)]
    due_on: NaiveDate,
    /// `met`, `waits`, `missing`, or `over`: it is owed anew, and the next month pays it.
    state: &'static str,
    amount: Amount,
    /// Where its order stands, once it was given out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payout: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Expectations)]
pub(in crate::http) struct MonthViews {
    partner: PartnerId,
    months: Vec<MonthView>,
    /// Where the next page begins: there is always a month before.
    next: Option<String>,
}

/// An event of ours, which a line of the partner's statement should agree with.
#[derive(Serialize, ToSchema)]
#[schema(as = EventExpectation)]
struct EventView {
    event: EventId,
    /// `payment`, `refund`, `redemption` or `return`.
    kind: &'static str,
    #[schema(value_type = Amount)]
    amount: String,
    currency: String,
    at: Moment,
    #[schema(value_type = String, format = Date)]
    due_on: NaiveDate,
    /// `met`, `waits` or `missing`.
    state: &'static str,
    /// The month in whose statement it has its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    matched_in: Option<Period>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EventExpectations)]
pub(in crate::http) struct EventViews {
    events: Vec<EventView>,
    /// Where the next page begins; null on the last. A page may have fewer events than were asked for.
    next: Option<String>,
}

/// What a partner's months that are over are expected to bring, and whether it is there: the latest
/// first.
#[utoipa::path(
    get, path = "/v1/reconciliation/expectations", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(MonthsPage), responses((status = 200, description = "A page.", body = MonthViews))
)]
pub async fn get_expectations(
    _staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    page: web::Query<MonthsPage>,
) -> Result<HttpResponse, Problem> {
    let MonthsPage { partner, cursor, limit } = page.into_inner();
    let partner = read_partner(&gateway, partner.as_deref())?.id.clone();
    let place = Place::read(limit, cursor.as_deref(), |text| Period::try_from(text).ok())?;
    let terms = terms(&gateway);
    let from = place.after.unwrap_or_else(|| Period::of(terms.today).before());
    let months_max = usize::try_from(place.rows_max()).unwrap_or(usize::MAX);
    let asked = partner.clone();
    let read = move |db: &mut Db| expectations::months(db, &asked, from, months_max, &terms);
    let mut found = gateway.main.ask_or(read).await?;
    let next = place.cut(&mut found, |last| last.period.before().to_string());
    let months = found.into_iter().map(MonthView::of).collect();
    Ok(HttpResponse::Ok().json(MonthViews { partner, months, next }))
}

/// Our events of a month, each with whether a line of the partner's statement agrees with it.
#[utoipa::path(
    get, path = "/v1/reconciliation/expectations/{partner}/{period}", tag = "Reconciliation",
    security(("staff" = ["reconcile"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
        EventsPage,
    ),
    responses((status = 200, description = "A page.", body = EventViews))
)]
pub async fn get_expected_events(
    _staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    page: web::Query<EventsPage>,
) -> Result<HttpResponse, Problem> {
    let month = read_month(&gateway, path)?;
    let EventsPage { state, cursor, limit } = page.into_inner();
    let place = Place::read(limit, cursor.as_deref(), read_cursor)?;
    let state = state.as_deref().map(read_state).transpose()?;
    let rows_max = place.rows_max().saturating_sub(1);
    let (partner, period) = (month.partner, month.period);
    let asked = EventQuestion { partner, period, state, after: place.after, rows_max };
    let terms = terms(&gateway);
    let read = move |db: &mut Db| expectations::events(db, &asked, &terms);
    let found = gateway.main.ask_or(read).await?;
    let next = found.next.map(|(at, key)| format!("{at}~{}", crate::ids::hex(key.bytes())));
    let events = found.events.into_iter().map(EventView::of).collect();
    Ok(HttpResponse::Ok().json(EventViews { events, next }))
}

fn terms(gateway: &Gateway) -> Terms {
    let programme = gateway.registry.programme();
    Terms {
        today: gateway.day(clock::now()),
        zone: gateway.time_zone,
        calendar: programme.calendar.clone(),
        rules: programme.settlement,
    }
}

fn read_state(name: &str) -> Result<ExpectationState, Problem> {
    let expected = || Problem::parameter("state", "expected met, waits or missing");
    ExpectationState::by_name(name).ok_or_else(expected)
}

fn read_cursor(cursor: &str) -> Option<(Moment, EventKey)> {
    let (at, key) = cursor.split_once('~')?;
    let number = u128::from_str_radix(key, 16).ok()?;
    Some((Moment::parse(at)?, EventKey::from_bytes(number.to_be_bytes())))
}

impl MonthView {
    fn of(month: MonthExpectation) -> Self {
        let statement =
            ExpectationView { due_on: month.statement.due_on, state: month.statement.state.name() };
        let payout = month.payout.map(|payout| {
            let PayoutExpectation { expected, amount, stands } = payout;
            let stands = stands.map(|state| state.name());
            let (due_on, state) = (expected.due_on, expected.state.name());
            PayoutView { due_on, state, amount, payout: stands }
        });
        Self { period: month.period, statement, payout }
    }
}

impl EventView {
    fn of(found: EventExpectation) -> Self {
        Self {
            event: found.event,
            kind: found.kind.name(),
            amount: found.value.decimal(),
            currency: found.value.currency.to_string(),
            at: found.at,
            due_on: found.expected.due_on,
            state: found.expected.state.name(),
            matched_in: found.matched_in,
        }
    }
}
