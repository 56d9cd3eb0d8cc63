//! Customers look up their points, and get the member reference by which a partner knows them.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock;
use crate::customer::members::{self, Introduced};
use crate::customer::points::{
    self, HistoryPage, HistorySort, Points, PointsView, read_cursor, write_cursor,
};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::http::schemas::requests::MemberLink;
use crate::http::server::page::Place;
use crate::ids::PartnerId;

/// The page of entries that is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Entries of one sort only.
    #[param(inline)]
    only: Option<HistorySort>,
}

/// Balance, pending, what expires, and the latest entries with their reasons.
#[utoipa::path(
    get, path = "/v1/customers/me/points", tag = "Customers", security(("customer" = [])),
    params(Page), responses((status = 200, description = "The points.", body = Points))
)]
pub async fn get_points(
    customer: Customer,
    gateway: web::Data<Gateway>,
    page: web::Query<Page>,
) -> Result<HttpResponse, Problem> {
    let place = Place::read(page.limit, page.cursor.as_deref(), read_cursor)?;
    let history = HistoryPage { after: place.after, only: page.only, rows_max: place.rows_max() };
    let (registry, zone) = (Arc::clone(&gateway.registry), gateway.time_zone);
    let read = move |db: &mut _| {
        let view = PointsView { registry: &registry, zone, now: clock::now() };
        points::read(&customer.subject, db, history, view)
    };
    let mut points = gateway.main.ask(read).await?;
    points.next = place.cut(&mut points.entries, |last| write_cursor(last.place));
    Ok(HttpResponse::Ok().json(points))
}

/// The reference by which that partner is to call this customer. The same one for every asking;
/// another one for every partner.
#[utoipa::path(
    post, path = "/v1/customers/me/members/{partner}", tag = "Customers",
    security(("customer" = [])),
    params(("partner" = PartnerId, Path, description = "The partner's id.")),
    responses((status = 200, description = "The reference.", body = MemberLink))
)]
pub async fn link_member(
    customer: Customer,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let partner = PartnerId::try_from(path.into_inner()).map_err(|_bad| Problem::not_found())?;
    let known = gateway.registry.get(&partner).filter(|partner| !gateway.is_apart(partner));
    known.ok_or_else(Problem::not_found)?;
    let who = Introduced { subject: customer.subject, birth_month: customer.birth_month };
    let named = partner.clone();
    let link = move |db: &mut _| members::link(&who, db, &named, clock::now());
    let member = gateway.main.ask_or(link).await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "partner": partner, "member": member })))
}
