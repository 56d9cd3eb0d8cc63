//! The receipt of an event that was typed in, for the shop to show.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::door::enter;
use super::page::{Frame, show};
use super::sending::PREFIX;
use super::visit::{Visit, Visitor};
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::ids::{EventId, EventKey};
use crate::money::{Amount, Asset};
use crate::store::events;

#[derive(Template)]
#[template(path = "merchant/receipt.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    points: String,
    /// What was paid, or given back.
    amount: String,
    is_refund: bool,
    member: String,
    order: String,
    time: String,
    reasons: Vec<String>,
}

#[derive(Deserialize)]
struct Receipt {
    recorded_at: String,
    postings: Vec<Posting>,
    explanation: Vec<Reason>,
}

#[derive(Deserialize)]
struct Posting {
    account: String,
    asset: String,
    amount: String,
}

#[derive(Deserialize)]
struct Reason {
    says: String,
    says_zh: String,
}

#[derive(Deserialize)]
struct EventBody {
    data: Data,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    member: String,
    order: String,
    paid: String,
    amount: String,
}

/// `GET /m/{partner}/receipts/{event}`.
pub async fn get_receipt(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let shop = enter(&request, &gateway)?;
    let visit = match Visit::open(&request, &gateway, shop)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let shop = &visit.shop;
    let id = request.match_info().get("event").unwrap_or_default();
    // The page shows only events that were typed in here.
    let id = EventId::try_from(id).ok().filter(|id| id.as_str().starts_with(PREFIX));
    let key = EventKey::of(&shop.partner.id, &id.ok_or_else(Problem::not_found)?);
    let books = gateway.books(&shop.partner);
    let found =
        books.ask(move |db| Ok(events::receipt(db, key)?.zip(events::body(db, key)?))).await?;
    let (receipt, body) = found.ok_or_else(Problem::not_found)?;
    let receipt: Receipt = serde_json::from_str(&receipt).map_err(Problem::internal)?;
    let EventBody { data } = serde_json::from_str(&body).map_err(Problem::internal)?;
    let frame = visit.frame(&request);
    let is_chinese = frame.language.is_chinese();
    let reasons = receipt.explanation.iter();
    let reasons = reasons.map(|reason| if is_chinese { &reason.says_zh } else { &reason.says });
    let is_refund = data.paid.is_empty();
    let at = Moment::parse(&receipt.recorded_at);
    let time = at.map(|at| at.utc().with_timezone(&gateway.time_zone).format("%Y-%m-%d %H:%M:%S"));
    let page = Page {
        points: points(&receipt.postings).to_string(),
        amount: if is_refund { data.amount } else { data.paid },
        is_refund,
        member: data.member,
        order: data.order,
        time: time.map_or_else(String::new, |time| time.to_string()),
        reasons: reasons.cloned().collect(),
        frame,
    };
    show(&request, StatusCode::OK, &page)
}

/// By how many points the customer's points changed.
fn points(postings: &[Posting]) -> Amount {
    let zero = Amount::zero(Asset::PTS);
    let of_customer = postings.iter().filter(|posting| {
        posting.asset == Asset::PTS.code()
            && matches!(posting.account.as_str(), "points_available" | "points_pending")
    });
    let amounts = of_customer.filter_map(|posting| Amount::parse(&posting.amount, Asset::PTS).ok());
    amounts.fold(zero, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
}
