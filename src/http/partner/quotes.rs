//! A till asks beforehand what discount and points a basket would get.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::event::{Event, EventData, FingerprintKey, Payment, parse_value, read_json};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::access::signature;
use crate::http::problem::Problem;
use crate::http::schemas::bodies::{QuoteRequest, Reason};
use crate::http::server::media::JsonBody;
use crate::http::trial::clock_of;
use crate::ids::QuoteId;
use crate::money::{Amount, Asset};
use crate::partner::Partner;
use crate::program::{self, Decision, Explanation, Occasion, QuoteStanding};
use crate::store::{Db, quotes};
use crate::writer::{Submission, WriteError, quote_standings};

/// How long a quote is good for: from the till's question to the payment.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(30);
/// How long a quote is kept: the supermarket's file arrives next morning.
const KEPT_FOR: TimeDelta = TimeDelta::days(7);

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

/// What discount and points a basket would get: the `data` of a payment, without `discount` and
/// `paid`. Nothing is recorded but the quote; a payment that names it in time gets its discount,
/// whatever the rules say then.
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
    let event = as_payment(asked, &partner, &gateway, now)?;
    let zone = gateway.time_zone;
    let submission = Submission { partner: Arc::clone(&partner), event, signed: None };
    let (quote, decision) =
        books.ask_or(move |db| decide(db, &submission, Occasion::new(now, now, zone))).await?;
    let (id, standing) = quote;
    Ok(HttpResponse::Created().json(Quote {
        quote: id,
        expires_at: standing.expires_at,
        gross: standing.gross,
        discount: standing.discount,
        paid: standing.gross.checked_sub(standing.discount).unwrap_or(standing.gross),
        points: posted(&decision, |code| code.starts_with("points_"), Asset::PTS),
        subsidy: posted(&decision, |code| code == "subsidy_payable", Asset::CNY),
        marks: decision.marks.iter().map(|mark| mark.name()).collect(),
        explanation: Explanation(&decision.explanation),
    }))
}

/// The payment that the question describes, with the discount that its scheme allows.
fn as_payment(
    mut data: Value,
    partner: &Partner,
    gateway: &Gateway,
    now: Moment,
) -> Result<Event, Problem> {
    let gross =
        data.get("gross").and_then(Value::as_str).map(|text| Amount::parse(text, Asset::CNY));
    let scheme = data.get("scheme").and_then(Value::as_str);
    let scheme = scheme.and_then(|scheme| scheme.try_into().ok());
    if let (Some(Ok(gross)), Value::Object(fields)) = (gross, &mut data) {
        let rule = scheme.and_then(|id| partner.scheme.discount_on(&id, gateway.day(now)));
        let discount = rule.map_or(Amount::zero(Asset::CNY), |rule| rule.allowed(gross));
        let paid = gross.checked_sub(discount).unwrap_or(gross);
        // What the till asks for is not known to it yet, so it cannot say it.
        for (name, amount) in [("discount", discount), ("paid", paid)] {
            fields.entry(name).or_insert_with(|| Value::String(amount.to_string()));
        }
        fields.entry("order").or_insert_with(|| Value::String("quote".to_owned()));
    }
    let envelope = serde_json::json!({
        "specversion": "1.0", "id": "quote", "source": "/quotes", "type": Payment::TYPE,
        "time": now.to_string(), "data": data,
    });
    let key = FingerprintKey::new(b"a quote is not an event");
    Ok(parse_value(&partner.id, &partner.limits, &envelope, &key)?)
}

type Quoted = ((QuoteId, QuoteStanding), Decision);

fn decide(db: &mut Db, submission: &Submission, occasion: Occasion) -> Result<Quoted, WriteError> {
    db.write(|tx| {
        let mut standings = quote_standings(tx, submission, occasion)?;
        let (event, partner) = (&submission.event, &submission.partner);
        let decision = program::decide(event, partner, &mut standings, occasion)?;
        let EventData::Payment(payment) = &event.data else {
            return Err(WriteError::Fault("a quote is of a payment".to_owned()));
        };
        let id = QuoteId::random();
        let quote = QuoteStanding {
            partner: partner.id.clone(),
            scheme: payment.scheme.clone(),
            gross: payment.gross,
            discount: payment.discount,
            expires_at: occasion.recorded_at.plus(GOOD_FOR),
        };
        quotes::insert(tx, id, &quote, clock::now().minus(KEPT_FOR))?;
        Ok(((id, quote), decision))
    })
}

/// The sum of what is above zero on accounts of these codes that a customer or the partner owns.
fn posted(decision: &Decision, of_code: impl Fn(&str) -> bool, asset: Asset) -> Amount {
    let gains = decision.postings.iter().filter(|posting| {
        posting.account.asset == asset
            && of_code(posting.account.code.name())
            && !posting.amount.is_negative()
            && posting.account.owner.kind() != "bank"
    });
    let mut amounts = gains.map(|posting| posting.amount);
    amounts.try_fold(Amount::zero(asset), Amount::checked_add).unwrap_or(Amount::zero(asset))
}
