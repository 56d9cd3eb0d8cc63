//! The wallet of the bank's customers: pages below `/wallet`, rendered here, small, and without script.
//! Customers come from the bank's app by a hand-over link. A page reads what it shows by the acts of
//! `customer`, as the API does, and nothing here names the store.

mod admission;
mod enter;
mod frame;
mod history;
mod home;
mod lines;
mod papers;
mod refusal;
mod spend;
mod visit;
mod words;

pub use enter::link;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{Resource, Route, web};

/// All of the wallet. Without its settings each page is unknown.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(at("/assets/wallet.css", web::get().to(frame::get_style)))
        .service(open(at("/wallet/enter", web::post().to(enter::post_enter))))
        .service(open(at("/wallet/enter/{secret}", web::get().to(enter::get_enter))))
        .service(open(at("/wallet/signed-out", web::get().to(enter::get_signed_out))))
        .service(closed(at("/wallet", web::get().to(home::get_home))))
        .service(closed(at("/wallet/history", web::get().to(history::get_history))))
        .service(closed(at("/wallet/papers", web::get().to(papers::get_papers))))
        .service(closed(at(
            "/wallet/consents/{consent}/withdrawal",
            web::post().to(papers::post_withdrawal),
        )))
        .service(closed(at("/wallet/notices/{kind}/opt-out", web::post().to(papers::post_opt_out))))
        .service(closed(at("/wallet/notices/{kind}/opt-in", web::post().to(papers::post_opt_in))))
        .service(closed(at("/wallet/spend", web::get().to(spend::get_spend))))
        .service(closed(at("/wallet/codes", web::post().to(spend::post_code))))
        .service(closed(at("/wallet/codes/{code}", web::get().to(spend::get_code))))
        .service(closed(at(
            "/wallet/redemptions/{redemption}/confirmation",
            web::post().to(home::post_confirmation),
        )))
        .service(closed(at(
            "/wallet/redemptions/{redemption}/rejection",
            web::post().to(home::post_rejection),
        )))
        .service(closed(at("/wallet/sign-out", web::post().to(enter::post_sign_out))));
}

fn at(path: &str, route: Route) -> Resource {
    web::resource(path).route(route)
}

/// A resource for everybody, whose problems are pages for people.
fn open(resource: Resource) -> impl HttpServiceFactory + 'static {
    resource.wrap(from_fn(refusal::as_page))
}

/// A resource for customers who are signed in.
fn closed(resource: Resource) -> impl HttpServiceFactory + 'static {
    resource.wrap(from_fn(admission::admit)).wrap(from_fn(refusal::as_page))
}
