//! Where the points came from and where they went, the newest first.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::frame::{self, Frame};
use super::lines::Line;
use super::visit::Visit;
use crate::clock;
use crate::customer::points::{self, HistoryPage, PointsView, read_cursor, write_cursor};
use crate::http::Gateway;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "wallet_history.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    lines: Vec<Line>,
    /// Where the lines before these begin; empty at the end.
    older: String,
}

#[derive(Deserialize)]
pub struct Wanted {
    cursor: Option<String>,
}

const LINES: usize = 20;

/// `GET /wallet/history`.
pub async fn get_history(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(&request, &gateway, &visit);
    let cursor = wanted.into_inner().cursor;
    let read = |text: &str| read_cursor(text).ok_or_else(Problem::not_found);
    let after = cursor.as_deref().map(read).transpose()?;
    let (registry, zone) = (Arc::clone(&gateway.registry), gateway.time_zone);
    let subject = visit.session.subject;
    let rows_max = i64::try_from(LINES).unwrap_or(0).saturating_add(1);
    let read = move |db: &mut _| {
        let view = PointsView { registry: &registry, zone, now: clock::now() };
        points::read(&subject, db, HistoryPage { after, rows_max }, view)
    };
    let mut entries = gateway.main.ask(read).await?.entries;
    let has_more = entries.len() > LINES;
    entries.truncate(LINES);
    let last = entries.last().filter(|_last| has_more);
    let older = last.map_or_else(String::new, |last| {
        format!("/wallet/history?cursor={}", write_cursor(last.place))
    });
    let lines = entries.iter().map(|entry| Line::of(&frame, entry)).collect();
    frame::show(&request, StatusCode::OK, &Page { frame, lines, older })
}
