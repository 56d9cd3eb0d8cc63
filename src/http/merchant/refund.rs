//! Money given back on a payment of the form, by its order number.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::{Map, json};
use uuid::Uuid;

use super::page::{Frame, show};
use super::payment::{STAGE, Sent, in_words, read_event, send};
use super::session::Session;
use super::words::Words;
use super::{Shop, check_origin, plain, plain_amount, see_other, sign_in};
use crate::event::{Payment, Refund};
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::ids::{BusinessKey, EventId};
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
    let shop = Shop::of(&request, &gateway)?;
    let Some(session) = Session::of(&request, &gateway, &shop) else {
        return sign_in::ask(&request, &shop, StatusCode::OK, "");
    };
    let form = RefundForm { id: Uuid::now_v7().to_string(), ..RefundForm::default() };
    let frame = Frame::new(&request, &shop, Some(&session));
    show(&request, StatusCode::OK, &Page { frame, form: &form, errors: Errors::default() })
}

/// `POST /m/{partner}/refunds`.
pub async fn post_refund(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<RefundForm>,
) -> Result<HttpResponse, Problem> {
    let shop = Shop::of(&request, &gateway)?;
    check_origin(&request, &gateway)?;
    let form = form.into_inner();
    let words = Words::of(&request);
    let session = Session::of(&request, &gateway, &shop);
    let Some(session) = session.filter(|session| session.sent(&form.token)) else {
        return sign_in::ask(&request, &shop, StatusCode::UNPROCESSABLE_ENTITY, words.expired);
    };
    let errors = match give_back(&gateway, &shop, &form, words).await? {
        Ok(event) => return Ok(see_other(&shop.path(&format!("/receipts/{event}")))),
        Err(errors) => errors,
    };
    let frame = Frame::new(&request, &shop, Some(&session));
    show(&request, StatusCode::UNPROCESSABLE_ENTITY, &Page { frame, form: &form, errors })
}

/// The refund's event, or what is wrong with the form.
async fn give_back(
    gateway: &Gateway,
    shop: &Shop,
    form: &RefundForm,
    words: &'static Words,
) -> Result<Result<EventId, Errors>, Problem> {
    let mend = Errors { whole: words.mend, ..Errors::default() };
    let Some(payment) = payment_of(gateway, shop, &plain(&form.order)).await? else {
        return Ok(Err(Errors { order: words.order_unknown, ..mend }));
    };
    let id = Uuid::parse_str(&form.id).unwrap_or_else(|_foreign| Uuid::now_v7());
    let mut data = Map::new();
    data.insert("payment".to_owned(), json!(payment));
    data.insert("currency".to_owned(), json!("CNY"));
    data.insert("amount".to_owned(), json!(plain_amount(&form.amount)));
    let Ok(event) = read_event(gateway, shop, id, (Refund::TYPE, data)) else {
        return Ok(Err(Errors { amount: words.gross_wrong, ..mend }));
    };
    Ok(match send(gateway, shop, event).await? {
        Sent::Recorded(event) => Ok(event),
        Sent::Otherwise => Err(Errors { whole: words.sent_before, ..mend }),
        Sent::Refused(problem) if problem.slug() == "refund-exceeds" => {
            Err(Errors { amount: words.amount_exceeds, ..mend })
        }
        Sent::Refused(problem) => Err(Errors { whole: in_words(&problem, words), ..mend }),
    })
}

async fn payment_of(
    gateway: &Gateway,
    shop: &Shop,
    order: &str,
) -> Result<Option<EventId>, Problem> {
    let (Ok(order), Ok(stage)) = (EventId::try_from(order), EventId::try_from(STAGE)) else {
        return Ok(None);
    };
    let key = BusinessKey::of(&shop.partner.id, Payment::TYPE, &order, &stage);
    let found = gateway
        .books(&shop.partner)
        .read(move |db| db.write(|tx| business_keys::firsts(tx, &[key])))
        .await?;
    Ok(found.into_values().next().map(|first| first.id))
}
