//! The form of a payment: what was sold to whom.

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
use super::words::ShopWords;
use crate::clock;
use crate::event::{Event, Malformed, Payment};
use crate::http::Gateway;
use crate::http::pages::forms::{plain, plain_amount};
use crate::http::problem::Problem;
use crate::ids::RuleId;
use crate::money::{Amount, Asset};

/// The form as it is sent, and shown again where something needs mending.
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

/// What is wrong with each field; empty where nothing is.
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

/// `GET /m/{partner}`.
pub async fn get_form(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let shop = enter(&request, &gateway)?;
    let visit = match Visit::open(&request, &gateway, shop)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let form = PaymentForm { id: Uuid::now_v7().to_string(), ..PaymentForm::default() };
    let schemes = schemes(&gateway, &visit.shop);
    let frame = visit.frame(&request);
    let page = Page { frame, form: &form, errors: Errors::default(), schemes };
    show(&request, StatusCode::OK, &page)
}

/// `POST /m/{partner}/payments`.
pub async fn post_payment(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Form<PaymentForm>,
) -> Result<HttpResponse, Problem> {
    let form = form.into_inner();
    let shop = enter(&request, &gateway)?;
    let visit = match Visit::send_with(&request, &gateway, shop, &form.token)? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Stranger(page) => return Ok(page),
    };
    let (shop, words) = (&visit.shop, visit.words);
    let schemes = schemes(&gateway, shop);
    let errors = match read(&gateway, shop, &form, &schemes) {
        Err(malformed) => of_fields(&malformed, words),
        Ok(event) => match send(&gateway, shop, event).await? {
            SendingOutcome::Recorded(event) => {
                return Ok(visit.go_to(&format!("/receipts/{event}")));
            }
            SendingOutcome::SentOtherwise => {
                Errors { whole: words.sent_before, ..Errors::default() }
            }
            SendingOutcome::Refused(problem) => of_problem(&problem, words),
        },
    };
    let frame = visit.frame(&request);
    Visit::show_again(&request, &Page { frame, form: &form, errors, schemes })
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
        // The random end of the id is enough, and short to type.
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
    TypedEvent { id, kind: Payment::TYPE, data }.read(gateway, shop)
}

fn of_fields(malformed: &Malformed, words: &'static ShopWords) -> Errors {
    let mut errors = Errors { whole: words.mend, ..Errors::default() };
    let Malformed::Fields(fields) = malformed else { return errors };
    for field in fields {
        match field.pointer.as_str() {
            "/data/member" => errors.member = words.member_wrong,
            "/data/gross" => errors.gross = words.gross_wrong,
            "/data/discount" => errors.discount = words.discount_wrong,
            "/data/order" => errors.order = words.order_wrong,
            // `paid` is worked out from the two. Where they are good, the discount is too much.
            _ => {}
        }
    }
    if errors.gross.is_empty() && errors.member.is_empty() && errors.order.is_empty() {
        errors.discount = words.discount_wrong;
    }
    errors
}

fn of_problem(problem: &Problem, words: &'static ShopWords) -> Errors {
    let mend = Errors { whole: words.mend, ..Errors::default() };
    match problem.slug() {
        "member-unknown" => Errors { member: words.member_unknown, ..mend },
        "out-of-range" => Errors { gross: words.gross_wrong, ..mend },
        "conflicting-duplicate" => Errors { order: words.order_taken, ..mend },
        _ => Errors { whole: in_words(problem, words), ..mend },
    }
}
