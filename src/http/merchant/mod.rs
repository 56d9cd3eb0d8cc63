//! A page for shops that have no software. The code on the shop's poster opens it, and the shop's PIN
//! signs in. Pages are rendered here, without scripts, in English and Chinese; what is typed in
//! becomes an event like any other.

mod file;
mod multipart;
mod page;
mod payment;
pub mod poster;
mod receipt;
mod refund;
mod refusal;
mod sending;
mod session;
mod sign_in;
mod tries;
mod visit;
mod words;

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, Resource, web};

use crate::clock;
use crate::http::Gateway;
use crate::http::pages::visitor::Visitor;
use crate::http::problem::Problem;
use crate::http::server::noted::note_partner;
use crate::http::server::paths::{BATCH_BYTES_MAX, at};
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::form::Form;
use session::Session;

/// Requests a second to one shop's pages from one network without a session.
const STRANGERS_PER_SECOND: u32 = 20;

/// All of them, below `/m/`.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(at("/assets/form.css", web::get().to(page::get_style)))
        .service(page(at("/m/{partner}", web::get().to(payment::get_form))))
        .service(page(at("/m/{partner}/session", web::post().to(sign_in::post_session))))
        .service(page(at("/m/{partner}/session/end", web::post().to(sign_in::end_session))))
        .service(page(at("/m/{partner}/payments", web::post().to(payment::post_payment))))
        .service(page(
            at("/m/{partner}/refunds", web::get().to(refund::get_form))
                .route(web::post().to(refund::post_refund)),
        ))
        .service(page(
            at("/m/{partner}/files", web::get().to(file::get_form))
                .route(web::post().to(file::post_file))
                .app_data(web::PayloadConfig::new(BATCH_BYTES_MAX)),
        ))
        .service(page(at("/m/{partner}/files/{import}", web::get().to(file::get_state))))
        .service(page(at("/m/{partner}/receipts/{event}", web::get().to(receipt::get_receipt))))
        .service(page(at("/m/{partner}/poster", web::get().to(poster::get_poster))));
}

/// A resource whose problems are pages for people.
fn page(
    resource: Resource,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    resource.wrap(from_fn(refusal::as_page))
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
        // A partner that must sign its events cannot type them in.
        let form = partner.form.clone().filter(|_form| !partner.access.signed_requests);
        let form = form.ok_or_else(Problem::not_found)?;
        note_partner(request, &partner);
        let now = clock::now();
        partner
            .listed_on(gateway.day(now))
            .map_err(|unlisted| Problem::partner_not_listed(&unlisted))?;
        let shop = Self { partner, form };
        // Strangers take nothing from the partner's own rate.
        if Session::of(request, gateway, &shop).is_some() {
            gateway.limit(request, &shop.partner, now)?;
        } else {
            let visitor = Visitor::of(request, &shop.partner.id);
            let taken = gateway.strangers.take(&visitor, STRANGERS_PER_SECOND, now);
            taken.map_err(|_allowance| Problem::rate_limited())?;
        }
        Ok(shop)
    }

    fn path(&self, rest: &str) -> String {
        format!("/m/{}{rest}", self.partner.id)
    }
}
