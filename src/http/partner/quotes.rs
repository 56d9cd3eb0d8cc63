//! A till asks beforehand what discount and points a basket would get.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::event::read_json;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::access::signature;
use crate::http::problem::Problem;
use crate::http::schemas::bodies::{QuoteRequest, Reason};
use crate::http::server::media::JsonBody;
use crate::http::trial::clock_of;
use crate::ids::QuoteId;
use crate::ledger::{AccountCode, Posting};
use crate::money::{Amount, Asset};
use crate::program::{Decision, Explanation, Judging, Occasion, quote};
use crate::writer::{Quoted, Submission};

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Quote<'a> {
    quote: QuoteId,
    expires_at: Moment,
    gross: Amount,
    discount: Amount,
    paid: Amount,
    /// What the payment would bring, pending or not.
    points: Amount,
    /// What the bank would bear of the discount.
    subsidy: Amount,
    marks: Vec<&'static str>,
    #[schema(value_type = Vec<Reason>)]
    explanation: Explanation<'a>,
}

/// What discount and points a basket would get: the `data` of a payment, without `discount`, `paid`,
/// `order`, `stage` and `quote`. Nothing is recorded but the quote. It is for this member and for one
/// payment: the first that names it in time gets its discount, whatever the rules say then. It counts
/// against the limits of the scheme until then. A quote with marks promises nothing.
#[utoipa::path(
    post, path = "/v1/quotes", tag = "Events", security(("partner" = ["events:write"])),
    request_body = QuoteRequest,
    responses((status = 201, description = "Good for 30 minutes.", body = Quote<'static>))
)]
pub async fn post_quote(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let partner = caller.partner;
    // A quote is a question: its signature is checked, and not kept.
    signature::read(&partner, &gateway, &request, &body)?;
    let asked = read_json(&body)?;
    let books = gateway.books(&partner);
    let now = clock_of(books, &partner).await?;
    let event = quote::as_payment(asked, &partner, Occasion::new(now, now, gateway.time_zone))?;
    let submission = Submission { partner, event, signed: None, judging: Judging::InForce };
    let Quoted { id, quote: standing, decision } = books.writer.quote(submission, now).await?;
    Ok(HttpResponse::Created().json(Quote {
        quote: id,
        expires_at: standing.expires_at,
        gross: standing.gross,
        discount: standing.discount,
        paid: standing.gross.checked_sub(standing.discount).unwrap_or(standing.gross),
        points: sum(decision.lots.iter().map(|lot| lot.issued), Asset::PTS),
        subsidy: subsidy(&decision),
        marks: decision.marks.iter().map(|mark| mark.name()).collect(),
        explanation: Explanation(&decision.explanation),
    }))
}

/// What the bank bears of the discount.
fn subsidy(decision: &Decision) -> Amount {
    let payable = |posting: &&Posting| posting.account.code == AccountCode::SUBSIDY_PAYABLE;
    let payable = decision.postings.iter().filter(payable).map(|posting| posting.amount);
    sum(payable.filter(|amount| !amount.is_negative()), Asset::CNY)
}

fn sum(mut amounts: impl Iterator<Item = Amount>, asset: Asset) -> Amount {
    amounts.try_fold(Amount::zero(asset), Amount::checked_add).unwrap_or(Amount::zero(asset))
}
