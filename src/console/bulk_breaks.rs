//! Many breaks at once: what was chosen in a list, with its count and sums, and what is proposed or
//! approved for all of it. Whoever decides types the sums, so that nobody decides on another list than
//! the one that they looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::break_acts::read_text;
use super::break_list::BreakRow;
use super::break_page::FormError;
use super::break_words::action_name;
use super::page::{self, Frame, Part};
use super::refusal::stale;
use super::visit::Sent;
use super::words::ConsoleWords;
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::figures::grouped;
use crate::http::pages::forms::{plain_amount, see_other};
use crate::http::pages::words::Language;
use crate::http::problem::{BAD_REQUEST, Problem};
use crate::ids::BreakId;
use crate::money::{Amount, Asset};
use crate::reconcile::breaks::{self, BreakDetail, ProposalOrder, ProposedAt};
use crate::reconcile::bulk::{self, BulkApproval, BulkProposal, LookedAt};
use crate::reconcile::bulk_total::{BULK_MAX, BulkTotal};
use crate::reconcile::item::{Currency, ItemValue};
use crate::reconcile::proposal::{ProposalAction, ProposalRefusal, ProposalState};
use crate::reconcile::refusal::ReconcileRefusal;

/// The fields of a form by their names. What is chosen stands in fields `break-<id>`, each with the number
/// of the proposal that was looked at.
type Fields = BTreeMap<String, String>;

const CHOSEN: &str = "break-";
const SUM: &str = "sum-";

#[derive(Template)]
#[template(path = "bulk_breaks.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    chosen: Vec<ChosenRow>,
    sums: Vec<SumRow>,
    /// What is adjusted in all; empty where nothing is.
    adjusted: String,
    adjusted_typed: String,
    does: Does,
    action: String,
    reason: String,
    errors: Vec<FormError>,
}

struct ChosenRow {
    field: String,
    number: i64,
    row: BreakRow,
    proposed: String,
}

/// A sum to be typed.
struct SumRow {
    currency: String,
    sum: String,
    typed: String,
}

/// What the page is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Propose,
    Approve,
}

/// `POST /console/breaks/chosen`: what was chosen in the list of breaks.
pub async fn post_chosen(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Fields>,
) -> Result<HttpResponse, Problem> {
    show(&gateway, &request, &sent, Does::Propose, Vec::new()).await
}

/// `POST /console/approvals/chosen`: what was chosen among the proposals.
pub async fn post_chosen_proposals(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Fields>,
) -> Result<HttpResponse, Problem> {
    if !sent.visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, "/console/approvals");
    }
    show(&gateway, &request, &sent, Does::Approve, Vec::new()).await
}

/// `POST /console/breaks/chosen/proposals`.
pub async fn post_proposals(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Fields>,
) -> Result<HttpResponse, Problem> {
    let w = ConsoleWords::of(Language::of(&request));
    let chosen = chosen(&sent.form)?;
    let mut errors = Vec::new();
    let named = text(&sent.form, "action");
    let action = ProposalAction::NAMES_OF_MANY.contains(&named).then_some(named);
    let action = action.and_then(|name| ProposalAction::of(name, None));
    if action.is_none() {
        errors.push(FormError { field: "action", says: w.error_action.to_owned() });
    }
    let reason = read_text(text(&sent.form, "reason"));
    if reason.is_none() {
        errors.push(FormError { field: "reason", says: w.error_reason.to_owned() });
    }
    let typed = typed(&sent.form, chosen.len());
    if typed.is_none() {
        errors.push(FormError { field: "sums", says: w.error_sum.to_owned() });
    }
    let (Some(action), Some(reason), Some(typed)) = (action, reason, typed) else {
        return show(&gateway, &request, &sent, Does::Propose, errors).await;
    };
    let breaks = chosen.into_iter().map(|it| it.id).collect();
    let order = BulkProposal { breaks, order: ProposalOrder { action, reason }, typed };
    let at = ProposedAt { now: clock::now(), registry: Arc::clone(&gateway.registry) };
    let who = sent.visit.id().clone();
    let done = gateway.main.ask_or(move |db| bulk::propose(&who, db, &order, &at)).await;
    match done {
        Ok(_breaks) => Ok(see_other("/console/breaks?state=proposed")),
        Err(refusal) => refused(&gateway, &request, &sent, Does::Propose, refusal).await,
    }
}

/// `POST /console/approvals/chosen/approval`.
pub async fn post_approvals(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Fields>,
) -> Result<HttpResponse, Problem> {
    let w = ConsoleWords::of(Language::of(&request));
    if !sent.visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, "/console/approvals");
    }
    let breaks = chosen(&sent.form)?;
    let Some(typed) = typed(&sent.form, breaks.len()) else {
        let errors = vec![FormError { field: "sums", says: w.error_sum.to_owned() }];
        return show(&gateway, &request, &sent, Does::Approve, errors).await;
    };
    let order = BulkApproval { breaks, typed };
    match bulk::approve(sent.visit.id(), &gateway.main, order).await {
        Ok(_breaks) => Ok(see_other("/console/approvals")),
        Err(refusal) => refused(&gateway, &request, &sent, Does::Approve, refusal).await,
    }
}

/// A sum that is another one is typed anew; what else is refused is a page of its own.
async fn refused(
    gateway: &Gateway,
    request: &HttpRequest,
    sent: &Sent<Fields>,
    does: Does,
    refusal: ReconcileRefusal,
) -> Result<HttpResponse, Problem> {
    if !matches!(refusal, ReconcileRefusal::Proposal(ProposalRefusal::OtherTotal)) {
        return Err(refusal.into());
    }
    let w = ConsoleWords::of(Language::of(request));
    let errors = vec![FormError { field: "sums", says: w.error_other_sum.to_owned() }];
    show(gateway, request, sent, does, errors).await
}

/// What was chosen, each once; 1 to 100 breaks.
fn chosen(fields: &Fields) -> Result<Vec<LookedAt>, Problem> {
    let named = fields.iter().filter_map(|(name, value)| {
        let id = BreakId::parse(name.strip_prefix(CHOSEN)?)?;
        Some(LookedAt { id, proposal: value.parse().unwrap_or(0) })
    });
    let list: Vec<LookedAt> = named.take(BULK_MAX.saturating_add(1)).collect();
    if (1..=BULK_MAX).contains(&list.len()) {
        return Ok(list);
    }
    let says = format!("Choose 1 to {BULK_MAX} breaks in the list.");
    Err(Problem::new(&BAD_REQUEST, says))
}

fn text<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map_or("", String::as_str)
}

/// The total that the person has typed; `None` where a sum is no amount.
fn typed(fields: &Fields, count: usize) -> Option<BulkTotal> {
    let mut sums = Vec::new();
    for (name, value) in fields {
        let Some(code) = name.strip_prefix(SUM) else { continue };
        let currency = Currency::by_code(code)?;
        sums.push(ItemValue { currency, minor: minor_of(value)? });
    }
    let adjusted = match text(fields, "adjusted") {
        "" => 0,
        adjusted => minor_of(adjusted)?,
    };
    Some(BulkTotal::typed(count, &sums, adjusted))
}

fn minor_of(typed: &str) -> Option<i64> {
    let plain = plain_amount(typed).replace('\u{2212}', "-").replace(['+', ','], "");
    Amount::parse(&plain, Asset::CNY).ok().map(Amount::minor)
}

async fn show(
    gateway: &Gateway,
    request: &HttpRequest,
    sent: &Sent<Fields>,
    does: Does,
    errors: Vec<FormError>,
) -> Result<HttpResponse, Problem> {
    let Ok(list) = chosen(&sent.form) else {
        // Nothing was chosen: the list again.
        return Ok(see_other(match does {
            Does::Propose => "/console/breaks",
            Does::Approve => "/console/approvals",
        }));
    };
    let ids: Vec<BreakId> = list.iter().map(|it| it.id).collect();
    let read = move |db: &mut _| ids.iter().map(|id| breaks::read(db, *id)).collect();
    let found: Vec<BreakDetail> = gateway.main.ask_or(read).await?;
    let part = if does == Does::Propose { Part::Breaks } else { Part::Approvals };
    let frame = Frame::open(request, gateway, &sent.visit, part).await?;
    let (mut total, mut adjusted) = (BulkTotal::default(), 0_i64);
    let mut rows = Vec::with_capacity(found.len());
    for (detail, looked_at) in found.iter().zip(&list) {
        let waiting = detail.proposals.iter().rev();
        let mut waiting = waiting.filter(|it| it.state == ProposalState::Proposed);
        let waiting = if does == Does::Approve { waiting.next() } else { None };
        let amount = waiting.and_then(|it| it.action.amount());
        adjusted = adjusted.saturating_add(amount.map_or(0, Amount::minor));
        total.add(detail.found.sums, 0);
        let proposed = waiting.map_or_else(String::new, |it| {
            let name = action_name(it.action, frame.language);
            let amount = amount.map_or_else(String::new, |it| frame.figures.signed(&it));
            format!("{name} {amount}")
        });
        rows.push(ChosenRow {
            field: format!("{CHOSEN}{}", detail.found.id),
            number: looked_at.proposal,
            row: BreakRow::of(gateway, &frame, &detail.found)?,
            proposed,
        });
    }
    let sums = total.apart().map(|value| {
        let currency = value.currency.code().to_owned();
        let typed = text(&sent.form, &format!("{SUM}{currency}")).to_owned();
        SumRow { currency, sum: grouped(&value.decimal()), typed }
    });
    let sums = sums.collect();
    let amount = Amount::from_minor(adjusted, Asset::CNY);
    let adjusted = if adjusted == 0 { String::new() } else { frame.figures.signed(&amount) };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Page {
        chosen: rows,
        sums,
        adjusted,
        adjusted_typed: text(&sent.form, "adjusted").to_owned(),
        does,
        action: text(&sent.form, "action").to_owned(),
        reason: text(&sent.form, "reason").to_owned(),
        errors,
        frame,
    };
    page::show(request, status, &page)
}
