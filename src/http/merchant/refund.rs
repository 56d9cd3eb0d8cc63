//! A refund on a payment of the form, by its order number.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::{Map, json};
use uuid::Uuid;

use super::door::enter;
use super::page::{Frame, show};
use super::sending::{STAGE, SendingOutcome, TypedEvent, in_words, send};
use super::shop::Shop;
use super::visit::{Visit, Visitor};
use crate::event::{Payment, Refund};
use crate::http::Gateway;
use crate::http::pages::forms::{plain, plain_amount};
use crate::http::problem::Problem;
use crate::ids::{BusinessKey, EventId, OrderNumber, StageName};
use crate::store::business_keys;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RefundForm {
    token: String,
    /// Made with the page: the same page sent twice is one refund.
    id: String,
    order: String,
    amount: String,
}

#[derive(Default)]
struct Errors {
    whole: &'static str,
    order: &'static str,
    amount: &'static str,
}

#[derive(Template)]
#[template(path = "merchant/refund.html", config = "src/http/askama.toml")]
struct Page<'a> {
    frame: Frame,
    form: &'a RefundForm,
    errors: Errors,
}

/// `GET /m/{partner}/refunds`.
pub async fn get_form(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let shop = enter(&request, &gateway)?;
    let visit = match Visit::open(&request, &gateway, shop)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let form = RefundForm { id: Uuid::now_v7().to_string(), ..RefundForm::default() };
    let frame = visit.frame(&request);
    show(&request, StatusCode::OK, &Page { frame, form: &form, errors: Errors::default() })
}

/// `POST /m/{partner}/refunds`.
pub async fn post_refund(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<RefundForm>,
) -> Result<HttpResponse, Problem> {
    let form = form.into_inner();
    let shop = enter(&request, &gateway)?;
    let visit = match Visit::send_with(&request, &gateway, shop, &form.token)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let errors = match give_back(&gateway, &visit, &form).await? {
        RefundOutcome::Recorded(event) => return Ok(visit.go_to(&format!("/receipts/{event}"))),
        RefundOutcome::Mend(errors) => errors,
    };
    let frame = visit.frame(&request);
    Visit::show_again(&request, &Page { frame, form: &form, errors })
}

/// What became of a refund.
enum RefundOutcome {
    /// It is recorded as this event.
    Recorded(EventId),
    /// Something in the form is wrong.
    Mend(Errors),
}

async fn give_back(
    gateway: &Gateway,
    visit: &Visit,
    form: &RefundForm,
) -> Result<RefundOutcome, Problem> {
    let (shop, words) = (&visit.shop, visit.words);
    let mend = Errors { whole: words.mend, ..Errors::default() };
    let Some(payment) = payment_of(gateway, shop, &plain(&form.order)).await? else {
        return Ok(RefundOutcome::Mend(Errors { order: words.order_unknown, ..mend }));
    };
    let id = Uuid::parse_str(&form.id).unwrap_or_else(|_foreign| Uuid::now_v7());
    let mut data = Map::new();
    data.insert("payment".to_owned(), json!(payment));
    data.insert("currency".to_owned(), json!("CNY"));
    data.insert("amount".to_owned(), json!(plain_amount(&form.amount)));
    let Ok(event) = (TypedEvent { id, kind: Refund::TYPE, data }).read(gateway, shop) else {
        return Ok(RefundOutcome::Mend(Errors { amount: words.gross_wrong, ..mend }));
    };
    Ok(match send(gateway, shop, event).await? {
        SendingOutcome::Recorded(event) => RefundOutcome::Recorded(event),
        SendingOutcome::SentOtherwise => {
            RefundOutcome::Mend(Errors { whole: words.sent_before, ..mend })
        }
        SendingOutcome::Refused(problem) if problem.slug() == "refund-exceeds" => {
            RefundOutcome::Mend(Errors { amount: words.amount_exceeds, ..mend })
        }
        SendingOutcome::Refused(problem) => {
            RefundOutcome::Mend(Errors { whole: in_words(&problem, words), ..mend })
        }
    })
}

async fn payment_of(
    gateway: &Gateway,
    shop: &Shop,
    order: &str,
) -> Result<Option<EventId>, Problem> {
    let (Ok(order), Ok(stage)) = (OrderNumber::try_from(order), StageName::try_from(STAGE)) else {
        return Ok(None);
    };
    let key = BusinessKey::of(&shop.partner.id, Payment::TYPE, &order, &stage);
    let found =
        gateway.books(&shop.partner).ask(move |db| business_keys::firsts(db, &[key])).await?;
    Ok(found.into_values().next().map(|first| first.id))
}
