//! All that is held about a person, for the person and for staff who answer for them: as JSON, or as a
//! page to read in English or 简体中文. No cache keeps it, and no URL names a phone number.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock;
use crate::customer::export::{self, Collector, Person, PersonQuestion};
use crate::customer::own_referrals::{self, PhoneOwner};
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
    let language = language(&request, &form)?;
    let (keys, zone) = (gateway.keys.personal.clone(), gateway.time_zone);
    let Customer { subject, phone, .. } = customer;
    let read = move |db: &mut _| {
        let collector = Collector { keys: &keys, zone, now: clock::now() };
        export::read_own(&subject, db, collector)
    };
    let data = gateway.main.ask_or(read).await?;
    if !prefers_html(&request) {
        return Ok(as_json(&data));
    }
    let (keys, registry) = (gateway.keys.personal.clone(), Arc::clone(&gateway.registry));
    let read = move |db: &mut _| {
        let place = own_referrals::Place { keys: &keys, registry: &registry };
        own_referrals::read(&PhoneOwner(phone), db, place)
    };
    let own = gateway.main.ask(read).await?.referrals;
    page(&data, &own, setting(&gateway, language))
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
    let language = language(&request, &Form { lang: None })?;
    let (keys, zone) = (gateway.keys.personal.clone(), gateway.time_zone);
    let read = move |db: &mut _| {
        let collector = Collector { keys: &keys, zone, now: clock::now() };
        export::find(staff.id, db, asked, collector)
    };
    let data = gateway.main.ask_or(read).await?;
    if !prefers_html(&request) {
        return Ok(as_json(&data));
    }
    page(&data, &[], setting(&gateway, language))
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
pub(super) fn language(request: &HttpRequest, form: &Form) -> Result<Language, Problem> {
    match form.lang.as_deref() {
        Some("en") => Ok(Language::English),
        Some("zh-CN") => Ok(Language::Chinese),
        Some(_) => Err(Problem::parameter("lang", "expected en or zh-CN")),
        None => Ok(Language::preferred(request).unwrap_or(Language::Chinese)),
    }
}

/// Where the page is, in that language.
pub(super) fn path(language: Language) -> String {
    format!("/v1/customers/me/data?lang={}", lang(language))
}

const fn lang(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::Chinese => "zh-CN",
    }
}

fn setting(gateway: &Gateway, language: Language) -> PageSetting<'_> {
    let (zone, registry) = (gateway.time_zone, &gateway.registry);
    PageSetting { language, lang: lang(language), zone, registry }
}

fn as_json(data: &PersonData) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response.json(data)
}
