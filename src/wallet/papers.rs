//! What the customer agreed to and may withdraw, and the notices that they get.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use uuid::Uuid;

use super::enter::Nothing;
use super::frame::{self, Frame};
use super::visit::{Sent, Visit};
use crate::clock;
use crate::customer::consent_receipt::ConsentReceipt;
use crate::customer::consents;
use crate::customer::requester::Requester;
use crate::http::Gateway;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::ids::ConsentId;
use crate::notice::wishes::{self, NoticeWish};

#[derive(Template)]
#[template(path = "wallet_papers.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    consents: Vec<Consent>,
    /// Where the consents before these begin; empty at the end.
    older: String,
    notices: Vec<Notice>,
}

struct Consent {
    id: ConsentId,
    partner: String,
    purpose: String,
    /// Who gets the data; empty where it is the bank alone.
    recipient: String,
    given: String,
    /// Since when it is withdrawn; empty while it holds.
    withdrawn: String,
}

struct Notice {
    kind: String,
    name: String,
    is_wanted: bool,
    is_required: bool,
}

#[derive(serde::Deserialize)]
pub struct Wanted {
    before: Option<Uuid>,
}

const LISTED: usize = 20;

/// `GET /wallet/papers`.
pub async fn get_papers(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(&request, &gateway, &visit);
    let before = wanted.before.map(ConsentId::from_uuid);
    let rows_max = i64::try_from(LISTED).unwrap_or(0).saturating_add(1);
    let (subject, programme) = (visit.session.subject, gateway.registry.programme());
    let read = move |db: &mut _| {
        let consents = consents::of_customer(&subject, db, before, rows_max)?;
        Ok((consents, wishes::list(&subject, db, &programme.notice)?))
    };
    let (mut found, notices) = gateway.main.ask(read).await?;
    let has_more = found.len() > LISTED;
    found.truncate(LISTED);
    let last = found.last().filter(|_last| has_more);
    let page = Page {
        older: last
            .map_or_else(String::new, |last| format!("/wallet/papers?before={}", last.consent)),
        consents: found.iter().map(|it| Consent::of(&gateway, &frame, it)).collect(),
        notices: notices.into_iter().map(|wish| Notice::of(&frame, wish)).collect(),
        frame,
    };
    frame::show(&request, StatusCode::OK, &page)
}

/// `POST /wallet/consents/{consent}/withdrawal`.
pub async fn post_withdrawal(
    sent: Sent<Nothing>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = Uuid::parse_str(&path).map_err(|_invalid| Problem::not_found())?;
    let who = Requester::Customer(sent.visit.session.subject);
    consents::withdraw(who, &gateway.main, ConsentId::from_uuid(id), None).await?;
    Ok(see_other("/wallet/papers"))
}

/// `POST /wallet/notices/{kind}/opt-out`.
pub async fn post_opt_out(
    sent: Sent<Nothing>,
    gateway: web::Data<Gateway>,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (subject, programme) = (sent.visit.session.subject, gateway.registry.programme());
    let kind = programme.notice(&kind).cloned().ok_or_else(Problem::not_found)?;
    let decline = move |db: &mut _| wishes::decline(&subject, db, &kind, clock::now());
    gateway.main.ask_or(decline).await?;
    Ok(see_other("/wallet/papers"))
}

/// `POST /wallet/notices/{kind}/opt-in`.
pub async fn post_opt_in(
    sent: Sent<Nothing>,
    gateway: web::Data<Gateway>,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (subject, programme) = (sent.visit.session.subject, gateway.registry.programme());
    let kind = programme.notice(&kind).cloned().ok_or_else(Problem::not_found)?;
    gateway.main.ask_or(move |db| wishes::accept(&subject, db, &kind)).await?;
    Ok(see_other("/wallet/papers"))
}

impl Consent {
    fn of(gateway: &Gateway, frame: &Frame, receipt: &ConsentReceipt) -> Self {
        let time = |at| frame.figures.time(at);
        let partner = gateway.registry.get(&receipt.partner);
        let withdrawal = receipt.withdrawal.as_ref();
        Self {
            id: receipt.consent,
            partner: partner
                .map_or_else(|| receipt.partner.to_string(), |partner| partner.name.clone()),
            purpose: receipt.purpose.clone(),
            recipient: receipt.recipient.as_ref().map_or_else(String::new, |it| it.name.clone()),
            given: time(&receipt.given_at),
            withdrawn: withdrawal.map_or_else(String::new, |it| time(&it.withdrawn_at)),
        }
    }
}

impl Notice {
    fn of(frame: &Frame, wish: NoticeWish) -> Self {
        let w = frame.w;
        let name = match wish.kind.as_str() {
            "points_expiring" => w.points_expiring.to_owned(),
            "points_redeemed" => w.points_redeemed.to_owned(),
            "redemption_to_confirm" => w.redemption_to_confirm.to_owned(),
            "fee_due" => w.fee_due.to_owned(),
            "instalment_due" => w.instalment_due.to_owned(),
            other => other.replace('_', " "),
        };
        Self { name, kind: wish.kind, is_wanted: wish.wanted, is_required: wish.required }
    }
}
