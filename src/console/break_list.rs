//! The worklist of breaks: its filters stand in the address, and a page goes on where the one before
//! ended.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::break_words::{code_name, state_name};
use super::page::{self, Frame, Part, partner_name};
use super::visit::Visit;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{BreakId, PartnerId};
use crate::money::{Amount, Asset};
use crate::reconcile::break_code::{BreakCode, BreakSums};
use crate::reconcile::break_record::{Break, BreakFacts, BreakFilter};
use crate::reconcile::breaks;
use crate::reconcile::item::ItemValue;
use crate::reconcile::period::Period;
use crate::reconcile::proposal::BreakState;

const ROWS: u16 = 50;

#[derive(Template)]
#[template(path = "break_list.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    rows: Vec<BreakRow>,
    states: Vec<Choice>,
    codes: Vec<Choice>,
    partners: Vec<Choice>,
    period: String,
    is_filtered: bool,
    /// Whether many may be proposed about at once.
    may_choose: bool,
    /// The address of the next page; empty on the last.
    next: String,
    /// The address of the first page; empty there.
    first: String,
}

/// What a filter offers.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub is_chosen: bool,
}

/// A break in a list.
pub struct BreakRow {
    pub id: String,
    pub href: String,
    /// The order's number, or else the event's id.
    pub name: String,
    pub kind: &'static str,
    pub state: &'static str,
    pub partner: String,
    pub month: String,
    pub theirs: String,
    pub ours: String,
    pub difference: String,
    pub age: String,
    pub due: String,
    pub is_overdue: bool,
}

/// The filters of the address.
#[derive(Deserialize)]
pub struct Query {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    partner: String,
    #[serde(default)]
    period: String,
    cursor: Option<String>,
}

/// `GET /console/breaks`. A filter that is none of ours is left out.
pub async fn get_breaks(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let filter = query.filter(&gateway);
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), read_cursor)?;
    let (asked, after, rows_max) = (filter.clone(), place.after, place.rows_max());
    let list = move |db: &mut _| breaks::list(db, &asked, after, rows_max);
    let mut found = gateway.main.ask_or(list).await?;
    let next = place.cut(&mut found, |last| format!("{}~{}", last.opened_at, last.id));
    let frame = Frame::open(&request, &gateway, &visit, Part::Breaks).await?;
    let rows = found.iter().map(|it| BreakRow::of(&gateway, &frame, it));
    let rows = rows.collect::<Result<_, _>>()?;
    let address = address(&filter);
    let is_filtered = filter.partner.is_some() || filter.code.is_some() || filter.period.is_some();
    let page = Page {
        rows,
        states: states(&frame, filter.state),
        codes: codes(&frame, filter.code),
        partners: partners(&gateway, filter.partner.as_ref()),
        period: filter.period.map_or_else(String::new, |period| period.to_string()),
        is_filtered,
        may_choose: visit.has(Role::Reconcile)
            && matches!(filter.state, BreakState::Open | BreakState::AwaitingPartner),
        next: next.map_or_else(String::new, |next| format!("{address}&cursor={next}")),
        first: if place.after.is_some() { address } else { String::new() },
        frame,
    };
    page::show(&request, StatusCode::OK, &page)
}

pub fn read_cursor(cursor: &str) -> Option<(Moment, BreakId)> {
    let (at, id) = cursor.split_once('~')?;
    Some((Moment::parse(at)?, BreakId::parse(id)?))
}

fn address(filter: &BreakFilter) -> String {
    let mut address = format!("/console/breaks?state={}", filter.state.name());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            address.push_str(&format!("&{name}={value}"));
        }
    };
    add("code", filter.code.map(|code| code.name().to_owned()));
    add("partner", filter.partner.as_ref().map(ToString::to_string));
    add("period", filter.period.map(|period| period.to_string()));
    address
}

fn states(frame: &Frame, chosen: BreakState) -> Vec<Choice> {
    let choice = |state: BreakState| Choice {
        value: state.name().to_owned(),
        label: state_name(state, frame.language).to_owned(),
        is_chosen: state == chosen,
    };
    BreakState::ALL.into_iter().map(choice).collect()
}

fn codes(frame: &Frame, chosen: Option<BreakCode>) -> Vec<Choice> {
    let choice = |code: BreakCode| Choice {
        value: code.name().to_owned(),
        label: code_name(code, frame.language).to_owned(),
        is_chosen: Some(code) == chosen,
    };
    BreakCode::ALL.into_iter().map(choice).collect()
}

/// The partners whose statements are compared.
fn partners(gateway: &Gateway, chosen: Option<&PartnerId>) -> Vec<Choice> {
    let listed = gateway.registry.now();
    let mapped = listed.iter().filter(|partner| partner.statement.is_some());
    let choices = mapped.map(|partner| Choice {
        value: partner.id.to_string(),
        label: partner.name.clone(),
        is_chosen: Some(&partner.id) == chosen,
    });
    choices.collect()
}

impl Query {
    fn filter(&self, gateway: &Gateway) -> BreakFilter {
        let partner = PartnerId::try_from(self.partner.as_str()).ok();
        let partner = partner.filter(|id| gateway.registry.get(id).is_some());
        BreakFilter {
            state: BreakState::by_name(&self.state).unwrap_or(BreakState::Open),
            // A month is a partner's.
            period: Period::try_from(self.period.as_str()).ok().filter(|_period| partner.is_some()),
            partner,
            code: BreakCode::by_name(&self.code),
        }
    }
}

impl BreakRow {
    pub fn of(gateway: &Gateway, frame: &Frame, found: &Break) -> Result<Self, Problem> {
        let facts: BreakFacts = serde_json::from_str(&found.facts).map_err(Problem::internal)?;
        let rows = || facts.theirs.iter().chain(&facts.ours);
        let order = rows().find_map(|row| row.order.clone());
        let name = order.or_else(|| rows().find_map(|row| row.event.clone()));
        let (figures, now) = (frame.figures, frame.now);
        let today = now.day_in(frame.zone);
        Ok(Self {
            id: found.id.to_string(),
            href: format!("/console/breaks/{}", found.id),
            name: name.unwrap_or_else(|| found.id.to_string()),
            kind: code_name(found.code, frame.language),
            state: state_name(found.state, frame.language),
            partner: partner_name(gateway, &found.partner),
            month: figures.month(found.period.first_day()),
            theirs: side(frame, found.sums.theirs),
            ours: side(frame, found.sums.ours),
            difference: difference(frame, found.sums),
            age: figures.age(&found.opened_at, &found.closed_at.unwrap_or(now)),
            due: figures.day(&found.due_on),
            is_overdue: found.closed_at.is_none() && found.due_on < today,
        })
    }
}

/// The amount of a side, with its currency where that is another than CNY.
fn side(frame: &Frame, value: Option<ItemValue>) -> String {
    let text = frame.figures.value(&value);
    match value {
        Some(value) if value.currency.code() != "CNY" => format!("{} {text}", value.currency),
        Some(_) | None => text,
    }
}

/// Theirs less ours, where both are of one currency.
pub fn difference(frame: &Frame, sums: BreakSums) -> String {
    let minor = match (sums.theirs, sums.ours) {
        (Some(theirs), Some(ours)) if theirs.currency == ours.currency => {
            theirs.minor.checked_sub(ours.minor)
        }
        (Some(theirs), None) => Some(theirs.minor),
        (None, Some(ours)) => ours.minor.checked_neg(),
        (Some(_), Some(_)) | (None, None) => None,
    };
    let amount = minor.map(|minor| Amount::from_minor(minor, Asset::CNY));
    amount.map_or_else(|| "–".to_owned(), |amount| frame.figures.signed(&amount))
}
