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
use crate::customer::points::{
    self, HistoryPage, HistorySort, PointsView, read_cursor, write_cursor,
};
use crate::http::Gateway;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "wallet_history.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    sorts: Vec<SortLink>,
    lines: Vec<Line>,
    /// Where the lines before these begin; empty at the end.
    older: String,
}

/// A link to the lines of one sort.
struct SortLink {
    href: String,
    label: &'static str,
    is_here: bool,
}

#[derive(Deserialize)]
pub struct Wanted {
    cursor: Option<String>,
    only: Option<HistorySort>,
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
    let Wanted { cursor, only } = wanted.into_inner();
    let read = |text: &str| read_cursor(text).ok_or_else(Problem::not_found);
    let after = cursor.as_deref().map(read).transpose()?;
    let (registry, zone) = (Arc::clone(&gateway.registry), gateway.time_zone);
    let subject = visit.session.subject;
    let rows_max = i64::try_from(LINES).unwrap_or(0).saturating_add(1);
    let read = move |db: &mut _| {
        let view = PointsView { registry: &registry, zone, now: clock::now() };
        points::read(&subject, db, HistoryPage { after, only, rows_max }, view)
    };
    let mut entries = gateway.main.ask(read).await?.entries;
    let has_more = entries.len() > LINES;
    entries.truncate(LINES);
    let last = entries.last().filter(|_last| has_more);
    let older = last.map_or_else(String::new, |last| {
        let only = only.map_or_else(String::new, |only| format!("only={}&", only.name()));
        format!("/wallet/history?{only}cursor={}", write_cursor(last.place))
    });
    let lines = entries.iter().map(|entry| Line::of(&frame, entry)).collect();
    frame::show(&request, StatusCode::OK, &Page { sorts: sorts(&frame, only), frame, lines, older })
}

fn sorts(frame: &Frame, here: Option<HistorySort>) -> Vec<SortLink> {
    let w = frame.w;
    let label = |sort| match sort {
        HistorySort::Earned => w.sort_earned,
        HistorySort::Spent => w.sort_spent,
        HistorySort::GivenBack => w.sort_given_back,
        HistorySort::Expired => w.sort_expired,
    };
    let all =
        SortLink { href: "/wallet/history".to_owned(), label: w.sort_all, is_here: here.is_none() };
    let each = HistorySort::ALL.map(|sort| SortLink {
        href: format!("/wallet/history?only={}", sort.name()),
        label: label(sort),
        is_here: here == Some(sort),
    });
    std::iter::once(all).chain(each).collect()
}
