//! A page for shops that have no software. The code on the shop's poster opens it, and the shop's PIN
//! signs in. Pages are rendered here, without scripts, in English and Chinese; what is typed in
//! becomes an event like any other.

mod door;
mod file;
mod page;
mod payment;
pub mod poster;
mod receipt;
mod refund;
mod refusal;
mod sending;
mod session;
mod shop;
mod sign_in;
mod visit;
mod words;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{Resource, web};

use crate::http::server::paths::{BATCH_BYTES_MAX, at};

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
fn page(resource: Resource) -> impl HttpServiceFactory + 'static {
    resource.wrap(from_fn(refusal::as_page))
}
