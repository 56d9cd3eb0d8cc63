//! The way in to a shop's pages: the shop is on the list, and the visitor within their rate.

use actix_web::HttpRequest;

use super::session::Session;
use super::shop::Shop;
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::visitor::Visitor;
use crate::http::problem::Problem;

/// Requests a second to one shop's pages from one network without a session.
const STRANGERS_PER_SECOND: u32 = 20;

/// The shop of the path, for a visitor who may come in.
///
/// # Errors
/// `not-found`, `partner-not-listed` or `rate-limited`.
pub fn enter(request: &HttpRequest, gateway: &Gateway) -> Result<Shop, Problem> {
    let shop = Shop::find(request, gateway)?;
    let now = clock::now();
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
