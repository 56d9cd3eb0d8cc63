//! The partners: all of them, and one with what it may, its rules, its limits, and how it stands.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::NaiveDate;
use std::sync::Arc;

use super::break_acts::read_text;
use super::break_page::FormError;
use super::journal::sum_of;
use super::operations_words::{
    OperationsWords, business_name, hold_rule_name, scope_name, status_name,
};
use super::page::{self, Frame, Part};
use super::reason::{DecisionForm, no_reason};
use super::refusal::stale;
use super::scheme_words::{self, RuleLine};
use super::sign_in::fresh_path;
use super::story_page::FactView;
use super::visit::{Sent, Visit};
use crate::clock;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::figures::grouped;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::key::PartnerKey;
use crate::partner_board::{self, COUNTED_MAX, PartnerStanding};
use crate::writer::{FreezeOrder, LiftOrder};

const PATH: &str = "/console/partners";
/// Days before a key's last day on which the page begins to warn.
const WARNED_DAYS: i64 = 30;

#[derive(Template)]
#[template(path = "partners.html", config = "src/http/askama.toml")]
struct List {
    frame: Frame,
    o: &'static OperationsWords,
    rows: Vec<Row>,
}

struct Row {
    href: String,
    name: String,
    kind: &'static str,
    status: &'static str,
    listed: String,
    held: String,
    is_frozen: bool,
}

#[derive(Template)]
#[template(path = "partner.html", config = "src/http/askama.toml")]
struct OnePage {
    frame: Frame,
    o: &'static OperationsWords,
    name: String,
    status: &'static str,
    path: String,
    facts: Vec<FactView>,
    keys: Vec<KeyRow>,
    rules: Vec<RuleLine>,
    limits: Vec<LimitRow>,
    waiting: Vec<WaitingRow>,
    files: Vec<FileRow>,
    changes: Vec<ChangeRow>,
    freeze: Option<FreezeView>,
    may_freeze: bool,
    fresh_href: String,
    form: DecisionForm,
    errors: Vec<FormError>,
}

struct KeyRow {
    kid: String,
    algorithm: String,
    from: String,
    until: String,
    warns: &'static str,
}

struct LimitRow {
    says: String,
    period: String,
    used: String,
    most: String,
    /// In hundredths of the limit, at most 100.
    share: i64,
}

struct WaitingRow {
    rule: String,
    events: String,
    since: String,
}

struct FileRow {
    day: String,
    name: String,
    state: String,
    recorded: String,
    before: String,
    rejected: String,
}

struct ChangeRow {
    number: i64,
    at: String,
    cause: String,
    status: String,
    outcome: &'static str,
    reasons: String,
}

struct FreezeView {
    by: String,
    because: String,
    at: String,
}

/// `GET /console/partners`.
pub async fn get_partners(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let marks = gateway.main.ask(partner_board::marks).await?;
    let frame = Frame::open(&request, &gateway, &visit, Part::Partners).await?;
    let o = OperationsWords::of(frame.language);
    let listed = gateway.registry.now();
    let row = |partner: &Arc<Partner>| {
        let mark = marks.iter().find(|mark| mark.partner == partner.id);
        Row {
            href: path(&partner.id),
            name: partner.name.clone(),
            kind: business_name(partner.kind, frame.language),
            status: status_name(partner.status, frame.language),
            listed: term(&frame, o, partner),
            held: mark.filter(|it| it.held > 0).map_or_else(String::new, |it| it.held.to_string()),
            is_frozen: mark.is_some_and(|mark| mark.is_frozen),
        }
    };
    let rows = listed.iter().map(row).collect();
    page::show(&request, StatusCode::OK, &List { o, rows, frame })
}

/// `GET /console/partners/{partner}`.
pub async fn get_partner(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&visit, &gateway, &request, DecisionForm::default(), Vec::new()).await
}

/// `POST /console/partners/{partner}/freeze`.
pub async fn post_freeze(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let partner = read_partner(&gateway, &request)?.id.clone();
    let Some(reason) = read_text(&form.reason) else {
        return show(&visit, &gateway, &request, form, vec![no_reason(&request)]).await;
    };
    let path = path(&partner);
    let order = FreezeOrder { partner, since: None, by: visit.id().clone(), reason };
    gateway.main.writer.freeze(order).await?;
    Ok(see_other(&path))
}

/// `POST /console/partners/{partner}/freeze/end`.
pub async fn post_lift(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let partner = read_partner(&gateway, &request)?.id.clone();
    let Some(reason) = read_text(&form.reason) else {
        return show(&visit, &gateway, &request, form, vec![no_reason(&request)]).await;
    };
    let path = path(&partner);
    // A freeze is lifted with more care than it is made.
    if !visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, &path);
    }
    let order = LiftOrder { partner, by: visit.id().clone(), reason };
    gateway.main.writer.lift_freeze(order).await?;
    Ok(see_other(&path))
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    form: DecisionForm,
    errors: Vec<FormError>,
) -> Result<HttpResponse, Problem> {
    let partner = read_partner(gateway, request)?;
    let (whose, zone) = (Arc::clone(&partner), gateway.time_zone);
    let read = move |db: &mut _| partner_board::standing(db, &whose, zone, clock::now());
    let standing = gateway.main.ask(read).await?;
    let frame = Frame::open(request, gateway, visit, Part::Partners).await?;
    let o = OperationsWords::of(frame.language);
    let today = frame.now.day_in(frame.zone);
    let facts = facts(&frame, o, &partner, &standing, visit);
    let keys = &partner.access.keys;
    let keys = keys.iter().map(|key| KeyRow::of(&frame, o, key, today)).collect();
    let PartnerStanding { figures, waiting, freeze, files, changes, .. } = standing;
    let limits = figures.iter().map(|it| LimitRow::of(&frame, it)).collect();
    let waiting = waiting.into_iter().map(|it| WaitingRow {
        rule: hold_rule_name(&it.rule, frame.language),
        events: it.events.to_string(),
        since: frame.figures.time(&it.since),
    });
    let files = files.into_iter().map(|it| FileRow {
        day: frame.figures.day(&it.business_date),
        name: it.file_name.unwrap_or_default(),
        state: it.failure.unwrap_or_else(|| it.state.name().to_owned()),
        recorded: it.lines.recorded.to_string(),
        before: it.lines.recorded_before.to_string(),
        rejected: it.lines.rejected.to_string(),
    });
    let changes = changes.into_iter().map(|it| ChangeRow {
        number: it.number,
        at: frame.figures.time(&it.recorded_at),
        cause: it.cause,
        status: it.status.map_or_else(String::new, |it| status_name(it, frame.language).to_owned()),
        outcome: if it.reasons.is_empty() { o.taken_up } else { o.refused },
        reasons: it.reasons,
    });
    let freeze = freeze.map(|it| FreezeView {
        by: it.by,
        because: it.because,
        at: frame.figures.time(&it.at),
    });
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = OnePage {
        o,
        name: partner.name.clone(),
        status: status_name(partner.status, frame.language),
        path: path(&partner.id),
        facts,
        keys,
        rules: scheme_words::rules(&partner.scheme, frame.figures, today),
        limits,
        waiting: waiting.collect(),
        files: files.collect(),
        changes: changes.collect(),
        may_freeze: visit.has(Role::Decide),
        fresh_href: if freeze.is_some() && !visit.is_fresh(gateway, frame.now) {
            fresh_path(&path(&partner.id))
        } else {
            String::new()
        },
        freeze,
        form,
        errors,
        frame,
    };
    page::show(request, status, &page)
}

fn facts(
    frame: &Frame,
    o: &'static OperationsWords,
    partner: &Partner,
    standing: &PartnerStanding,
    visit: &Visit,
) -> Vec<FactView> {
    let access = &partner.access;
    let scopes = access.scopes.iter().map(|it| scope_name(&it.to_string(), frame.language));
    let scopes = scopes.collect::<Vec<_>>().join(" · ");
    let daily =
        access.events_per_day.map_or_else(|| o.none.to_owned(), |it| grouped(&it.to_string()));
    let conformance = match standing.conformance {
        Some(true) => o.passed,
        Some(false) => o.failed,
        None => o.never_run,
    };
    let more = if standing.breaks > COUNTED_MAX { "+" } else { "" };
    let reads_breaks = visit.has(Role::Reconcile) || visit.has(Role::Settle);
    let breaks = FactView {
        label: o.open_breaks,
        text: format!("{}{more}", standing.breaks.min(COUNTED_MAX)),
        href: match reads_breaks && standing.breaks > 0 {
            true => format!("/console/breaks?partner={}", partner.id),
            false => String::new(),
        },
    };
    vec![
        FactView::plain(o.id, partner.id.to_string()),
        FactView::plain(o.kind, business_name(partner.kind, frame.language)),
        FactView::plain(o.listed, term(frame, o, partner)),
        FactView::plain(o.may, scopes),
        FactView::plain(o.daily, daily),
        FactView::plain(o.per_second, grouped(&access.requests_per_second.to_string())),
        FactView::plain(o.signs, if access.signed_requests { o.yes } else { o.no }),
        FactView::plain(o.late, partner.late_days_max.to_string()),
        FactView::plain(o.conformance, conformance),
        breaks,
    ]
}

fn term(frame: &Frame, o: &OperationsWords, partner: &Partner) -> String {
    let from = frame.figures.day(&partner.listed.from);
    match partner.listed.until {
        Some(until) => {
            format!("{} {from} {} {}", o.on_list_from, o.on_list_until, frame.figures.day(&until))
        }
        None => format!("{} {from}", o.on_list_from),
    }
}

fn path(id: &PartnerId) -> String {
    format!("{PATH}/{id}")
}

fn read_partner(gateway: &Gateway, request: &HttpRequest) -> Result<Arc<Partner>, Problem> {
    let id = request.match_info().get("partner").unwrap_or_default();
    let id = PartnerId::try_from(id).map_err(|_other| Problem::not_found())?;
    gateway.registry.get(&id).ok_or_else(Problem::not_found)
}

impl KeyRow {
    fn of(frame: &Frame, o: &'static OperationsWords, key: &PartnerKey, today: NaiveDate) -> Self {
        let left = key.until.map(|until| until.signed_duration_since(today).num_days());
        Self {
            kid: key.kid.clone(),
            algorithm: format!("{:?}", key.algorithm),
            from: key.from.map_or_else(|| o.always.to_owned(), |day| frame.figures.day(&day)),
            until: key.until.map_or_else(|| o.for_ever.to_owned(), |day| frame.figures.day(&day)),
            warns: match left {
                Some(..=-1) => o.is_over,
                Some(0..=WARNED_DAYS) => o.ends_soon,
                Some(_) | None => "",
            },
        }
    }
}

impl LimitRow {
    fn of(frame: &Frame, it: &partner_board::LimitFigure) -> Self {
        let names = match frame.language.is_chinese() {
            true => [it.measure.name_zh(), it.of.name_zh(), it.per.name_zh()].join("，"),
            false => format!("{}, {}, {}", it.measure.name(), it.of.name(), it.per.one()),
        };
        let hundredths = it.figure.minor().saturating_mul(100).checked_div(it.max.minor());
        Self {
            says: names,
            period: it.period.clone(),
            used: sum_of(frame, &it.figure),
            most: sum_of(frame, &it.max),
            share: hundredths.unwrap_or(0).clamp(0, 100),
        }
    }
}
