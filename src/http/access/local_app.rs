//! The bank's app of trials on one machine: a page that hands a customer over to the wallet, as the
//! bank's own app does by the API. The page answers only where the provider of trials does.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::code_flow::LOCAL_PROVIDER_PATH;
use super::local_provider_pages::provider;
use crate::clock;
use crate::customer::wallet_sessions;
use crate::http::Gateway;
use crate::http::pages::forms::{check_origin, see_other};
use crate::http::pages::frame::{PageStyle, show};
use crate::http::problem::Problem;
use crate::http::server::paths::at;
use crate::wallet;

/// Who is signed in at the app.
pub const CUSTOMER: &str = "demo-customer";

#[derive(Template)]
#[template(path = "local_app.html", config = "src/http/askama.toml")]
struct Page {}

pub fn routes(config: &mut web::ServiceConfig) {
    let path = format!("{LOCAL_PROVIDER_PATH}/app");
    config.service(at(&path, web::get().to(get_app)).route(web::post().to(post_app)));
}

/// `GET /local-provider/app`.
pub async fn get_app(gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    provider(&gateway)?;
    show(StatusCode::OK, &Page {}, PageStyle::Linked)
}

/// `POST /local-provider/app`: hands the customer over.
pub async fn post_app(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    check_origin(&request, &gateway.issuer)?;
    provider(&gateway)?;
    gateway.wallet.ok_or_else(Problem::not_found)?;
    let make = |db: &mut _| wallet_sessions::hand_over(CUSTOMER, db, clock::now());
    let made = gateway.main.ask_or(make).await?;
    Ok(see_other(&wallet::link(&gateway, &made)))
}
