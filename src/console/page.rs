//! What all pages of the console have: the frame with its navigation, the language, the style.

use std::sync::OnceLock;

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono_tz::Tz;

use super::lists::Tabs;
use super::operations_words::OperationsWords;
use super::story_words::StoryWords;
use super::task_words::TaskWords;
use super::visit::Visit;
use super::words::ConsoleWords;
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::figures::Figures;
use crate::http::pages::frame::{self, PageStyle};
use crate::http::pages::words::{Language, keep_language};
use crate::http::problem::Problem;
use crate::ids::{PartnerId, hex, sha256};
use crate::worklist::{self, Pile, WorkScope, Worklist};

/// All pages of the console stand below this path.
const PATH: &str = "/console";
const STYLE: &str = include_str!("console.css");

/// Minutes after which a page can warn, as the style has them.
const WARNINGS: [i64; 9] = [1, 3, 5, 8, 10, 13, 18, 28, 58];

/// The part of the console that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Today,
    Find,
    Breaks,
    Approvals,
    Settlement,
    Files,
    Sessions,
    Partners,
    Operations,
    Tasks,
    Ledger,
    Readings,
}

/// What a page without a session has.
pub struct Plain {
    pub w: &'static ConsoleWords,
    pub style: &'static str,
    /// The same page in the other language.
    pub other_language: String,
}

/// What a page of somebody who is signed in has.
pub struct Frame {
    pub plain: Plain,
    pub w: &'static ConsoleWords,
    pub language: Language,
    pub figures: Figures,
    pub now: Moment,
    pub zone: Tz,
    /// Who is signed in.
    pub who: String,
    /// The token of the session's forms.
    pub token: String,
    pub links: Vec<Link>,
    /// When the session ends without further use.
    pub ends: String,
    /// After how many minutes the page warns of that: one of those that the style knows.
    pub warns_after: i64,
    /// Whether the person may look for events.
    pub may_find: bool,
    pub worklist: Worklist,
}

/// A link of the navigation.
pub struct Link {
    pub href: &'static str,
    pub label: &'static str,
    pub is_here: bool,
    /// What waits for this person there; empty for nothing.
    pub waits: String,
}

impl Plain {
    pub fn new(request: &HttpRequest) -> Self {
        let language = Language::of(request);
        Self { w: ConsoleWords::of(language), style: style_path(), other_language: other(request) }
    }
}

impl Frame {
    /// The frame of a page, with what waits for the person.
    pub async fn open(
        request: &HttpRequest,
        gateway: &Gateway,
        visit: &Visit,
        part: Part,
    ) -> Result<Self, Problem> {
        let scope = WorkScope {
            breaks: visit.has(Role::Reconcile),
            proposals: visit.has(Role::Settle),
            corrections: visit.has(Role::Approve),
            decisions: visit.has(Role::Decide),
            tasks: visit.has(Role::Manage),
        };
        let who = visit.id().clone();
        let today = clock::now().day_in(gateway.time_zone);
        let read = move |db: &mut _| worklist::read(&who, db, scope, today);
        let worklist = gateway.main.ask_or(read).await?;
        let language = Language::of(request);
        let w = ConsoleWords::of(language);
        let zone = gateway.time_zone;
        let (now, times) = (clock::now(), super::visit::flow(gateway)?.times);
        let session = &visit.session;
        let ends = session.ends_at.min(session.seen_at.plus(times.idle));
        let left = ends.utc().signed_duration_since(now.utc()).num_minutes();
        let figures = Figures { language, zone };
        let links = links(visit, language, part, &worklist);
        Ok(Self {
            plain: Plain::new(request),
            w,
            language,
            figures,
            now,
            ends: figures.time(&ends),
            warns_after: warns_after(left),
            zone,
            who: visit.id().as_str().to_owned(),
            token: visit.token.clone(),
            links,
            may_find: super::story_links::may_read(visit),
            worklist,
        })
    }

    /// One of two texts, by the language.
    pub fn say<'t>(&self, english: &'t str, chinese: &'t str) -> &'t str {
        if self.language.is_chinese() { chinese } else { english }
    }
}

/// Minutes after which a page warns of the end of a session that lasts so many minutes.
fn warns_after(left: i64) -> i64 {
    let latest = left.saturating_sub(2);
    WARNINGS.into_iter().rev().find(|minutes| *minutes <= latest).unwrap_or(0)
}

fn links(visit: &Visit, language: Language, part: Part, worklist: &Worklist) -> Vec<Link> {
    let w = ConsoleWords::of(language);
    let link = |href, label, here: Part, waits: &[&Option<Pile>]| Link {
        href,
        label,
        is_here: part == here,
        waits: waits_of(waits),
    };
    let mut links = vec![link("/console/today", w.today, Part::Today, &[])];
    if super::story_links::may_read(visit) {
        links.push(link("/console/find", StoryWords::of(language).find, Part::Find, &[]));
    }
    let settles = visit.has(Role::Settle);
    if visit.has(Role::Reconcile) || settles {
        links.push(link("/console/breaks", w.breaks, Part::Breaks, &[&worklist.breaks]));
    }
    let approvals = [
        &worklist.proposals,
        &worklist.bank,
        &worklist.corrections,
        &worklist.held,
        &worklist.referrals,
    ];
    if let Some(href) = Tabs::of(visit, language).first() {
        links.push(link(href, w.approvals, Part::Approvals, &approvals));
    }
    if visit.has(Role::Reconcile) || settles {
        links.push(link(
            "/console/settlement",
            w.settlement,
            Part::Settlement,
            &[&worklist.closes],
        ));
    }
    if visit.has(Role::Reconcile) {
        links.push(link("/console/files", w.files, Part::Files, &[]));
    }
    let o = OperationsWords::of(language);
    if visit.has(Role::Read) || visit.has(Role::Decide) {
        links.push(link("/console/partners", o.partners, Part::Partners, &[]));
    }
    if visit.has(Role::Manage) {
        let t = TaskWords::of(language);
        links.push(link("/console/tasks", t.tasks, Part::Tasks, &[&worklist.tasks]));
    }
    if visit.has(Role::Read) {
        links.push(link("/console/ledger", o.ledger, Part::Ledger, &[]));
    }
    if visit.has(Role::Privacy) {
        links.push(link("/console/readings", o.readings, Part::Readings, &[]));
    }
    if visit.has(Role::Operate) {
        links.push(link("/console/operations", o.operations, Part::Operations, &[]));
    }
    links
}

fn waits_of(piles: &[&Option<Pile>]) -> String {
    let counted = piles.iter().filter_map(|pile| pile.as_ref());
    let count = counted.clone().fold(0_usize, |sum, pile| sum.saturating_add(pile.count));
    match (count, counted.clone().any(|pile| pile.has_more)) {
        (0, _) => String::new(),
        (count, true) => format!("{count}+"),
        (count, false) => count.to_string(),
    }
}

/// Answers with a page.
pub fn show(
    request: &HttpRequest,
    status: StatusCode,
    page: &impl Template,
) -> Result<HttpResponse, Problem> {
    let mut response = frame::show(status, page, PageStyle::Linked)?;
    keep_language(request, PATH, &mut response);
    Ok(response)
}

/// `GET /assets/console.css`. Its address changes with its text.
pub async fn get_style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(STYLE)
}

fn style_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let digits: String = hex(&sha256(STYLE.as_bytes())).chars().take(12).collect();
        format!("/assets/console.css?v={digits}")
    })
}

/// The page's own address, in the other language. A form's answer stands at a path that only takes
/// forms, so that it leads to the first page.
fn other(request: &HttpRequest) -> String {
    let tag = if Language::of(request).is_chinese() { "en" } else { "zh" };
    if request.method() != Method::GET {
        return format!("/console/today?lang={tag}");
    }
    let pairs = request.query_string().split('&');
    let kept = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("lang="));
    let mut query: Vec<&str> = kept.collect();
    let chosen = format!("lang={tag}");
    query.push(&chosen);
    format!("{}?{}", request.path(), query.join("&"))
}

/// A partner by its name; by its id where it is no longer listed.
pub fn partner_name(gateway: &Gateway, id: &PartnerId) -> String {
    let partner = gateway.registry.get(id);
    partner.map_or_else(|| id.to_string(), |partner| partner.name.clone())
}
