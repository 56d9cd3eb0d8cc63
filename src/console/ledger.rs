//! The ledger: what the accounts of the bank and the partners hold, the entries of one, and the head of the
//! chain.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::journal::{account_name, of_asset, owner_name};
use super::lists::Query;
use super::operations_words::OperationsWords;
use super::page::{self, Frame, Part};
use super::story_links;
use super::story_words::kind_name;
use super::visit::Visit;
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::PartnerId;
use crate::ledger::board;
use crate::ledger::{Account, AccountCode};
use crate::story::StoryId;

const ROWS: u16 = 50;
const PATH: &str = "/console/ledger";

#[derive(Template)]
#[template(path = "ledger.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    o: &'static OperationsWords,
    rows: Vec<Row>,
    head: Option<HeadView>,
}

struct Row {
    href: String,
    account: String,
    owner: String,
    balance: String,
}

struct HeadView {
    position: String,
    total: String,
    at: String,
    hash: String,
}

#[derive(Template)]
#[template(path = "account.html", config = "src/http/askama.toml")]
struct AccountPage {
    frame: Frame,
    o: &'static OperationsWords,
    account: String,
    owner: String,
    balance: String,
    rows: Vec<EntryRow>,
    next: String,
}

struct EntryRow {
    at: String,
    kind: String,
    story: String,
    rule: String,
    amount: String,
    happened: String,
}

/// `GET /console/ledger`.
pub async fn get_ledger(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let partners = partners(&gateway);
    let read = move |db: &mut _| Ok((board::balances(db, &partners)?, board::head(db)?));
    let (found, head) = gateway.main.ask(read).await?;
    let frame = Frame::open(&request, &gateway, &visit, Part::Ledger).await?;
    let row = |(account, balance): &(Account, crate::money::Amount)| Row {
        href: format!("{PATH}/{}/{}", account.code.name(), account.owner.name()),
        account: account_name(&frame, account),
        owner: owner_name(&gateway, &frame, &account.owner),
        balance: of_asset(&frame, balance),
    };
    let rows = found.iter().map(row).collect();
    let head = head.map(|it| HeadView {
        position: it.block.position.to_string(),
        total: it.block.total.to_string(),
        at: frame.figures.time(&it.block.sealed_at),
        hash: it.hash.to_string(),
    });
    let page = Page { o: OperationsWords::of(frame.language), rows, head, frame };
    page::show(&request, StatusCode::OK, &page)
}

/// `GET /console/ledger/{account}/{owner}`.
pub async fn get_account(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let asked = |name: &str| request.match_info().get(name).unwrap_or_default();
    let code = AccountCode::by_name(asked("account")).ok_or_else(Problem::not_found)?;
    let (owner, partners) = (asked("owner").to_owned(), partners(&gateway));
    let place = Place::read(Some(ROWS), query.cursor.as_deref(), board::read_place)?;
    let (after, rows_max) = (place.after, place.rows_max());
    let read = move |db: &mut _| {
        let held = board::balances(db, &partners)?;
        let mut held = held.into_iter();
        let found = held.find(|(it, _held)| it.code == code && it.owner.name() == owner);
        let Some((account, balance)) = found else { return Ok(None) };
        let entries = board::entries(db, &account, after, rows_max)?;
        Ok(Some((account, balance, entries)))
    };
    let found = gateway.main.ask(read).await?;
    let (account, balance, mut entries) = found.ok_or_else(Problem::not_found)?;
    let next = place.cut(&mut entries, |last| last.place.clone());
    let frame = Frame::open(&request, &gateway, &visit, Part::Ledger).await?;
    let rows = entries.iter().map(|it| EntryRow {
        at: frame.figures.time(&it.recorded_at),
        happened: frame.figures.time(&it.effective_at),
        kind: kind_name(&it.kind, frame.language),
        story: it.event.map_or_else(String::new, |key| story_links::path(StoryId::Event(key))),
        rule: it.rule.clone(),
        amount: of_asset(&frame, &it.amount),
    });
    let rows = rows.collect();
    let path = format!("{PATH}/{}/{}", account.code.name(), account.owner.name());
    let page = AccountPage {
        o: OperationsWords::of(frame.language),
        account: account_name(&frame, &account),
        owner: owner_name(&gateway, &frame, &account.owner),
        balance: of_asset(&frame, &balance),
        rows,
        next: next.map_or_else(String::new, |next| format!("{path}?cursor={next}")),
        frame,
    };
    page::show(&request, StatusCode::OK, &page)
}

fn partners(gateway: &Gateway) -> Vec<PartnerId> {
    gateway.registry.now().iter().map(|it| it.id.clone()).collect()
}
