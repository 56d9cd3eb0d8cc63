//! The smallest merchants: a page for a shop that has no software, which its poster's code opens.
//! Server-rendered, without scripts, in English and Chinese. What is typed in becomes an event like any
//! other: same rules, same writer, same receipts.

mod file;
mod multipart;
mod page;
mod payment;
pub mod poster;
mod receipt;
mod refund;
mod session;
mod sign_in;
mod words;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::clock;
use crate::http::Gateway;
use crate::http::problem::{BAD_REQUEST, Problem};
use crate::http::routes::{BATCH_BYTES_MAX, at};
use crate::http::server::request_id::note_partner;
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::form::Form;
use session::Session;

/// Requests to one shop's pages without a session.
const STRANGERS_PER_SECOND: u32 = 20;

/// All of them, below `/m/`.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(at("/assets/form.css", web::get().to(page::get_style)))
        .service(at("/m/{partner}", web::get().to(payment::get_form)))
        .service(at("/m/{partner}/session", web::post().to(sign_in::post_session)))
        .service(at("/m/{partner}/session/end", web::post().to(sign_in::end_session)))
        .service(at("/m/{partner}/payments", web::post().to(payment::post_payment)))
        .service(
            at("/m/{partner}/refunds", web::get().to(refund::get_form))
                .route(web::post().to(refund::post_refund)),
        )
        .service(
            at("/m/{partner}/files", web::get().to(file::get_form))
                .route(web::post().to(file::post_file))
                .app_data(web::PayloadConfig::new(BATCH_BYTES_MAX)),
        )
        .service(at("/m/{partner}/files/{import}", web::get().to(file::get_state)))
        .service(at("/m/{partner}/receipts/{event}", web::get().to(receipt::get_receipt)))
        .service(at("/m/{partner}/poster", web::get().to(poster::get_poster)));
}

/// A shop whose manifest has a form.
struct Shop {
    partner: Arc<Partner>,
    form: Form,
}

impl Shop {
    /// The shop of the path, on the list now and within its rate.
    fn of(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        let id = request.match_info().get("partner").unwrap_or_default();
        let id = PartnerId::try_from(id).map_err(|_invalid| Problem::not_found())?;
        let partner = gateway.registry.get(&id).ok_or_else(Problem::not_found)?;
        // What must be signed cannot be typed in.
        let form = partner.form.clone().filter(|_form| !partner.access.signed_requests);
        let form = form.ok_or_else(Problem::not_found)?;
        note_partner(request, &partner);
        let now = clock::now();
        partner
            .listed_on(gateway.day(now))
            .map_err(|unlisted| Problem::partner_not_listed(&unlisted))?;
        let shop = Self { partner, form };
        // Whoever is not signed in takes nothing away from the partner's own rate.
        if Session::of(request, gateway, &shop).is_some() {
            gateway.limit(request, &shop.partner, now)?;
        } else {
            let taken = gateway.strangers.take(&shop.partner.id, STRANGERS_PER_SECOND, now);
            taken.map_err(|_allowance| Problem::rate_limited())?;
        }
        Ok(shop)
    }

    fn path(&self, rest: &str) -> String {
        format!("/m/{}{rest}", self.partner.id)
    }
}

/// Refuses what another site's page has sent here (a browser says where a form is from).
fn check_origin(request: &HttpRequest, gateway: &Gateway) -> Result<(), Problem> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) if site != "same-origin" && site != "none" => false,
        (_, Some(origin)) => {
            let host = origin.split_once("://").map(|(_scheme, host)| host);
            origin == gateway.issuer || (host.is_some() && host == text("host"))
        }
        _ => true,
    };
    if is_ours {
        return Ok(());
    }
    Err(Problem::new(&BAD_REQUEST, "The form is another site's: open it here and send it again."))
}

/// After something was done: the page that shows it, so that loading that again does nothing.
fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// As people type it: without space around, and with the digits and points of an input method for
/// Chinese made plain.
fn plain(text: &str) -> String {
    let narrow = text.trim().chars().map(|c| match c {
        '。' => '.',
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        c => c,
    });
    narrow.collect::<String>().trim().to_owned()
}

/// An amount as people type it.
fn plain_amount(text: &str) -> String {
    plain(text).trim_start_matches(['¥', '￥']).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_with_an_input_method_is_read_as_meant() {
        assert_eq!(plain_amount(" ￥１２．５０　"), "12.50");
        assert_eq!(plain_amount("¥ 12。5"), "12.5");
        assert_eq!(plain("ｍ－１"), "m-1");
    }
}
