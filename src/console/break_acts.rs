//! What a person does about a break, by a form: the same acts as by the API.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::break_page::{BreakForm, FormError, Shown, read_id, show};
use super::refusal::stale;
use super::visit::{Sent, Visit};
use super::words::ConsoleWords;
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::forms::{plain_amount, see_other};
use crate::http::pages::words::Language;
use crate::http::problem::Problem;
use crate::ids::BreakId;
use crate::money::{Amount, Asset};
use crate::reconcile::breaks::{self, ProposalOrder, ProposedAt};
use crate::reconcile::proposal::{ProposalAction, ProposalRefusal, ProposalRejection};
use crate::reconcile::refusal::ReconcileRefusal;
use crate::text::misleads;

const REASON_CHARACTERS_MAX: usize = 500;

#[derive(Deserialize)]
pub struct ProposalForm {
    #[serde(default)]
    action: String,
    #[serde(default)]
    amount: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
pub struct NoteForm {
    #[serde(default)]
    note: String,
}

/// Which proposal is decided on: the one that the page showed.
#[derive(Deserialize)]
pub struct DecisionForm {
    pub number: i64,
    #[serde(default)]
    pub reason: String,
}

/// `POST /console/breaks/{break}/proposals`.
pub async fn post_proposal(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<ProposalForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let (id, w) = (read_id(&request)?, words(&request));
    let read = read_proposal(&form, w);
    let order = match read {
        Ok(order) => order,
        Err(errors) => return again(&gateway, &request, &visit, form.with(errors)).await,
    };
    let at = ProposedAt { now: clock::now(), registry: Arc::clone(&gateway.registry) };
    let who = visit.id().clone();
    let propose = move |db: &mut _| breaks::propose(&who, db, id, order, &at);
    match gateway.main.ask_or(propose).await {
        Ok(_detail) => Ok(see_other(&path(id))),
        Err(ReconcileRefusal::Proposal(refusal)) if is_about_amount(refusal) => {
            let says = exceeds(&request, refusal, w);
            let errors = vec![FormError { field: "amount", says }];
            again(&gateway, &request, &visit, form.with(errors)).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `POST /console/breaks/{break}/notes`.
pub async fn post_note(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<NoteForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let (id, w) = (read_id(&request)?, words(&request));
    let Some(says) = read_text(&form.note) else {
        let error = FormError { field: "note", says: w.error_note.to_owned() };
        let form = BreakForm { note: form.note, errors: vec![error], ..BreakForm::default() };
        return again(&gateway, &request, &visit, form).await;
    };
    let (who, now) = (visit.id().clone(), clock::now());
    gateway.main.ask_or(move |db| breaks::note(&who, db, id, says, now)).await?;
    Ok(see_other(&path(id)))
}

/// `POST /console/breaks/{break}/approval`.
pub async fn post_approval(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let id = read_id(&request)?;
    if !visit.is_fresh(&gateway, clock::now()) {
        return stale(&request, &path(id));
    }
    breaks::approve(visit.id(), &gateway.main, id, form.number).await?;
    Ok(see_other(&path(id)))
}

/// `POST /console/breaks/{break}/rejection`.
pub async fn post_rejection(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<DecisionForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let (id, w) = (read_id(&request)?, words(&request));
    let Some(because) = read_text(&form.reason) else {
        let error = FormError { field: "because", says: w.error_reason.to_owned() };
        let form = BreakForm { errors: vec![error], ..BreakForm::default() };
        return again(&gateway, &request, &visit, form).await;
    };
    let rejection = ProposalRejection { proposal: form.number, because };
    let (who, now) = (visit.id().clone(), clock::now());
    gateway.main.ask_or(move |db| breaks::reject(&who, db, id, rejection, now)).await?;
    Ok(see_other(&path(id)))
}

/// The page again, with what was typed and what is to be mended.
pub async fn again(
    gateway: &Gateway,
    request: &HttpRequest,
    visit: &Visit,
    form: BreakForm,
) -> Result<HttpResponse, Problem> {
    let id = read_id(request)?;
    let found = gateway.main.ask_or(move |db| breaks::read(db, id)).await?;
    let shown = Shown { found, form, status: StatusCode::UNPROCESSABLE_ENTITY };
    show(visit, gateway, request, shown).await
}

fn path(id: BreakId) -> String {
    format!("/console/breaks/{id}")
}

fn words(request: &HttpRequest) -> &'static ConsoleWords {
    ConsoleWords::of(Language::of(request))
}

fn read_proposal(form: &ProposalForm, w: &ConsoleWords) -> Result<ProposalOrder, Vec<FormError>> {
    let mut errors = Vec::new();
    let mut wrong = |field, says: &str| errors.push(FormError { field, says: says.to_owned() });
    let typed = plain_amount(&form.amount).replace('\u{2212}', "-");
    let amount = Amount::parse(&typed, Asset::CNY).ok();
    let action = if form.action.is_empty() {
        wrong("action", w.error_action);
        None
    } else if !typed.is_empty() && amount.is_none() {
        wrong("amount", w.error_amount);
        None
    } else {
        let action = ProposalAction::of(&form.action, amount);
        if action.is_none() {
            wrong("amount", w.error_amount);
        }
        action
    };
    let reason = read_text(&form.reason);
    if reason.is_none() {
        wrong("reason", w.error_reason);
    }
    match (action, reason) {
        (Some(action), Some(reason)) => Ok(ProposalOrder { action, reason }),
        (None, _) | (_, None) => Err(errors),
    }
}

/// What a person wrote: 1 to 500 characters that say something.
pub fn read_text(typed: &str) -> Option<String> {
    // What is kept is one line: what staff write stands in files and messages too.
    let text = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_good = (1..=REASON_CHARACTERS_MAX).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_control() || misleads(c));
    is_good.then_some(text)
}

const fn is_about_amount(refusal: ProposalRefusal) -> bool {
    matches!(
        refusal,
        ProposalRefusal::AboveCap { .. }
            | ProposalRefusal::AboveDifference { .. }
            | ProposalRefusal::AdjustedBefore { .. }
            | ProposalRefusal::NoDifference
    )
}

fn exceeds(request: &HttpRequest, refusal: ProposalRefusal, w: &ConsoleWords) -> String {
    if Language::of(request).is_chinese() {
        w.exceeds.to_owned()
    } else {
        let mut says = refusal.to_string();
        says.push('.');
        says
    }
}

impl ProposalForm {
    fn with(self, errors: Vec<FormError>) -> BreakForm {
        let Self { action, amount, reason } = self;
        BreakForm { action, amount, reason, note: String::new(), errors }
    }
}
