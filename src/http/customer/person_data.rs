//! All that is held about a person, for the person and for staff who answer for them: as JSON, or as a
//! page to read in English or 简体中文. No cache keeps it, and no URL names a phone number.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock;
use crate::customer::export::{self, Collector, Person, PersonQuestion};
use crate::customer::person_data::PersonData;
use crate::event::{self, FieldReader, is_e164};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::access::staff::{Privacy, Staff};
use crate::http::customer::person_page::{PageSetting, page};
use crate::http::pages::accept::prefers_html;
use crate::http::pages::words::Language;
use crate::http::problem::Problem;
use crate::http::schemas::requests::PersonBody;
use crate::http::server::media::JsonBody;

const PURPOSE_CHARACTERS_MAX: usize = 200;

/// The language of the page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// `en` or `zh-CN`; without it as `Accept-Language` says.
    #[param(pattern = "^(en|zh-CN)$")]
    lang: Option<String>,
}

/// All that is held about the customer; with `Accept: text/html` as a page to read.
#[utoipa::path(
    get, path = "/v1/customers/me/data", tag = "Customers", security(("customer" = [])),
    params(Form),
    responses((status = 200, description = "The data.", content(
        (PersonData = "application/json"), (String = "text/html")
    )))
)]
pub async fn get_own_data(
    customer: Customer,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    form: web::Query<Form>,
) -> Result<HttpResponse, Problem> {
    let language = language(&request, form.lang.as_deref())?;
    let (keys, zone) = (gateway.keys.personal.clone(), gateway.time_zone);
    let read = move |db: &mut _| {
        let collector = Collector { keys: &keys, zone, now: clock::now() };
        export::read_own(&customer.subject, db, collector)
    };
    answer(&gateway, &gateway.main.ask_or(read).await?, &request, language)
}

/// All that is held about a person, by member reference or by phone number; recorded as a reading
/// with its purpose.
#[utoipa::path(
    post, path = "/v1/customers/data", tag = "Privacy", security(("staff" = ["privacy"])),
    request_body = PersonBody,
    responses((status = 200, description = "The data.", content(
        (PersonData = "application/json"), (String = "text/html")
    )))
)]
pub async fn find_data(
    staff: Staff<Privacy>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let asked = event::read_object(&body, read_body)?;
    let language = language(&request, None)?;
    let (keys, zone) = (gateway.keys.personal.clone(), gateway.time_zone);
    let read = move |db: &mut _| {
        let collector = Collector { keys: &keys, zone, now: clock::now() };
        export::find(staff.id, db, asked, collector)
    };
    answer(&gateway, &gateway.main.ask_or(read).await?, &request, language)
}

fn read_body(body: &mut FieldReader<'_>) -> Option<PersonQuestion> {
    let purpose = body.text("purpose", PURPOSE_CHARACTERS_MAX).map(str::to_owned);
    let phone = body.optional_text("phone", 16).map(str::to_owned);
    if phone.as_deref().is_some_and(|phone| !is_e164(phone)) {
        body.fail("phone", "expected E.164, such as \"+8613800000000\"");
        return None;
    }
    let member = body.object("customer").map(|mut customer| {
        let (partner, member) = (customer.parsed("partner"), customer.parsed("member"));
        customer.finish();
        Some(Person::Member { partner: partner?, member: member? })
    });
    let person = match (phone, member) {
        (Some(phone), None) => Some(Person::Phone(phone)),
        (None, Some(member)) => member,
        (Some(_), Some(_)) | (None, None) => {
            body.fail("customer", "expected either customer or phone");
            None
        }
    };
    Some(PersonQuestion { person: person?, purpose: purpose? })
}

/// The language that the query names, or else the one that the browser prefers.
fn language(request: &HttpRequest, asked: Option<&str>) -> Result<Language, Problem> {
    match asked {
        Some("en") => Ok(Language::English),
        Some("zh-CN") => Ok(Language::Chinese),
        Some(_) => Err(Problem::parameter("lang", "expected en or zh-CN")),
        None => Ok(Language::preferred(request).unwrap_or(Language::Chinese)),
    }
}

fn answer(
    gateway: &Gateway,
    data: &PersonData,
    request: &HttpRequest,
    language: Language,
) -> Result<HttpResponse, Problem> {
    if prefers_html(request) {
        let setting =
            PageSetting { language, zone: gateway.time_zone, registry: &gateway.registry };
        return page(data, setting);
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(response.json(data))
}
