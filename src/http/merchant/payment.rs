//! The form itself: what was sold, to whom.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::page::{Frame, show};
use super::session::Session;
use super::words::Words;
use super::{Shop, check_origin, plain, plain_amount, see_other, sign_in};
use crate::clock;
use crate::event::{self, Event, Malformed, Payment};
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::ids::{EventId, EventKey, RuleId};
use crate::money::{Amount, Asset};
use crate::store::events;
use crate::writer::{Submission, WriteError};

/// The stage of all payments of the form: an order number stands for one of them.
pub const STAGE: &str = "form";
/// What the ids of the form's events begin with.
pub const PREFIX: &str = "form:";

/// As it is sent, and shown again where something needs mending.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PaymentForm {
    token: String,
    /// Made with the page: the same page sent twice is one payment.
    id: String,
    member: String,
    gross: String,
    discount: String,
    scheme: String,
    order: String,
}

/// What is wrong, beside each field; nothing where it is empty.
#[derive(Default)]
struct Errors {
    whole: &'static str,
    member: &'static str,
    gross: &'static str,
    discount: &'static str,
    order: &'static str,
}

#[derive(Template)]
#[template(path = "merchant/payment.html", config = "src/http/askama.toml")]
struct Page<'a> {
    frame: Frame,
    form: &'a PaymentForm,
    errors: Errors,
    schemes: Vec<String>,
}

/// What came of sending an event that a page was made for.
pub enum Sent {
    /// It is recorded, now or before, as this event.
    Recorded(EventId),
    /// The page was sent before with other content.
    Otherwise,
    Refused(Problem),
}

/// `GET /m/{partner}`.
pub async fn get_form(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let shop = Shop::of(&request, &gateway)?;
    let Some(session) = Session::of(&request, &gateway, &shop) else {
        return sign_in::ask(&request, &shop, StatusCode::OK, "");
    };
    let form = PaymentForm { id: Uuid::now_v7().to_string(), ..PaymentForm::default() };
    let frame = Frame::new(&request, &shop, Some(&session));
    let schemes = schemes(&gateway, &shop);
    let page = Page { frame, form: &form, errors: Errors::default(), schemes };
    show(&request, StatusCode::OK, &page)
}

/// `POST /m/{partner}/payments`.
pub async fn post_payment(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<PaymentForm>,
) -> Result<HttpResponse, Problem> {
    let shop = Shop::of(&request, &gateway)?;
    check_origin(&request, &gateway)?;
    let form = form.into_inner();
    let words = Words::of(&request);
    let session = Session::of(&request, &gateway, &shop);
    let Some(session) = session.filter(|session| session.sent(&form.token)) else {
        return sign_in::ask(&request, &shop, StatusCode::UNPROCESSABLE_ENTITY, words.expired);
    };
    let schemes = schemes(&gateway, &shop);
    let errors = match read(&gateway, &shop, &form, &schemes) {
        Err(malformed) => of_fields(&malformed, words),
        Ok(event) => match send(&gateway, &shop, event).await? {
            Sent::Recorded(event) => {
                return Ok(see_other(&shop.path(&format!("/receipts/{event}"))));
            }
            Sent::Otherwise => Errors { whole: words.sent_before, ..Errors::default() },
            Sent::Refused(problem) => of_problem(&problem, words),
        },
    };
    let frame = Frame::new(&request, &shop, Some(&session));
    let page = Page { frame, form: &form, errors, schemes };
    show(&request, StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// The discount schemes in force, where there is something to choose.
fn schemes(gateway: &Gateway, shop: &Shop) -> Vec<String> {
    let day = gateway.day(clock::now());
    let scheme = &shop.partner.scheme;
    let mut ids: Vec<&RuleId> = scheme.discounts.iter().map(|rule| &rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let in_force = ids.into_iter().filter(|id| scheme.discount_on(id, day).is_some());
    in_force.map(ToString::to_string).collect()
}

/// The event that the shop would have posted, read as any other.
fn read(
    gateway: &Gateway,
    shop: &Shop,
    form: &PaymentForm,
    schemes: &[String],
) -> Result<Event, Malformed> {
    let id = Uuid::parse_str(&form.id).unwrap_or_else(|_foreign| Uuid::now_v7());
    let (gross, mut discount) = (plain_amount(&form.gross), plain_amount(&form.discount));
    if discount.is_empty() {
        "0".clone_into(&mut discount);
    }
    let yuan = |text: &str| Amount::parse(text, Asset::CNY).ok();
    let paid = yuan(&gross).zip(yuan(&discount));
    let paid = paid.and_then(|(gross, discount)| gross.checked_sub(discount).ok());
    let order = match plain(&form.order) {
        // The id's random end: nobody has to type more of it.
        order if order.is_empty() => {
            let id = id.simple().to_string();
            format!("f-{}", id.get(20..).unwrap_or_default())
        }
        order => order,
    };
    let mut data = Map::new();
    let mut put = |name: &str, value: String| data.insert(name.to_owned(), json!(value));
    put("member", plain(&form.member));
    put("order", order);
    put("stage", STAGE.to_owned());
    put("currency", "CNY".to_owned());
    put("paid", paid.map_or_else(|| "-".to_owned(), |paid| paid.to_string()));
    if let Some(store) = &shop.form.store {
        put("store", store.to_string());
    }
    let is_discounted = yuan(&discount).is_some_and(|discount| !discount.is_zero());
    let scheme = match schemes {
        [only] => Some(only.as_str()),
        list => list.iter().map(String::as_str).find(|id| *id == form.scheme),
    };
    if let Some(scheme) = scheme.filter(|_id| is_discounted) {
        put("scheme", scheme.to_owned());
    }
    put("gross", gross);
    put("discount", discount);
    read_event(gateway, shop, id, (Payment::TYPE, data))
}

/// An event of the form, from now.
pub fn read_event(
    gateway: &Gateway,
    shop: &Shop,
    id: Uuid,
    (kind, data): (&str, Map<String, Value>),
) -> Result<Event, Malformed> {
    let value = json!({
        "specversion": "1.0", "id": format!("{PREFIX}{id}"), "source": "form", "type": kind,
        "time": clock::now().to_string(), "data": data,
    });
    event::parse_value(&shop.partner.id, &value, &gateway.keys.fingerprint)
}

/// Hands an event to the writer. The same page sent again says the same at another time: that is no
/// conflict to people.
pub async fn send(gateway: &Gateway, shop: &Shop, event: Event) -> Result<Sent, Problem> {
    let (id, body) = (event.id.clone(), event.body.clone());
    let submission = Submission { partner: shop.partner.clone(), event, signed: None };
    Ok(match gateway.books(&shop.partner).writer.submit(submission).await {
        Ok(outcome) => Sent::Recorded(outcome.duplicate_of.unwrap_or(id)),
        Err(WriteError::Conflict) => {
            let key = EventKey::of(&shop.partner.id, &id);
            let first = gateway.books(&shop.partner).read(move |db| events::body(db, key)).await?;
            let differences = event::differences(&first.unwrap_or_default(), &body);
            let same = differences.iter().all(|difference| difference.pointer == "/time");
            if same { Sent::Recorded(id) } else { Sent::Otherwise }
        }
        Err(WriteError::ConflictingDuplicate(found))
            if found.differences.iter().all(|difference| difference.pointer == "/time") =>
        {
            Sent::Recorded(found.of)
        }
        Err(error) => Sent::Refused(error.into()),
    })
}

fn of_fields(malformed: &Malformed, words: &'static Words) -> Errors {
    let mut errors = Errors { whole: words.mend, ..Errors::default() };
    let Malformed::Fields(fields) = malformed else { return errors };
    for field in fields {
        match field.pointer.as_str() {
            "/data/member" => errors.member = words.member_wrong,
            "/data/gross" => errors.gross = words.gross_wrong,
            "/data/discount" => errors.discount = words.discount_wrong,
            "/data/order" => errors.order = words.order_wrong,
            // It is worked out of the two: where they are good, the discount is too much.
            _ => {}
        }
    }
    if errors.gross.is_empty() && errors.member.is_empty() && errors.order.is_empty() {
        errors.discount = words.discount_wrong;
    }
    errors
}

fn of_problem(problem: &Problem, words: &'static Words) -> Errors {
    let mend = Errors { whole: words.mend, ..Errors::default() };
    match problem.slug() {
        "member-unknown" => Errors { member: words.member_unknown, ..mend },
        "out-of-range" => Errors { gross: words.gross_wrong, ..mend },
        "conflicting-duplicate" => Errors { order: words.order_taken, ..mend },
        _ => Errors { whole: in_words(problem, words), ..mend },
    }
}

/// What is to be said of a problem that is at no field.
pub fn in_words(problem: &Problem, words: &'static Words) -> &'static str {
    match problem.slug() {
        "quota-exceeded" => words.day_full,
        "busy" | "rate-limited" => words.not_now,
        _ => {
            problem.log_cause();
            words.not_taken
        }
    }
}
