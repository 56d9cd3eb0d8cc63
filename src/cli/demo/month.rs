//! The supermarket's month: its statement comes in with six differences that were put there. They are
//! found, explained, decided on by two persons, and the month is closed, printed and paid, as the bank says.

use std::collections::BTreeMap;
use std::fs;

use chrono::Datelike;
use reqwest::{Method, RequestBuilder};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::bank;
use super::play::{Played, cloud_event};
use super::report::Checks;
use super::stage::{SUPERMARKET, Stage};
use crate::cli::Failure;
use crate::clock;
use crate::event::Payment;
use crate::reconcile::period::Period;
use crate::reconcile::statement_check::{FileReceipt, StatementCheck};
use crate::reconcile::statement_lines::KeptStatement;

/// A day of the month, what our books have of it, and what the statement has.
struct Sale {
    day: u32,
    /// What was paid, by our books.
    ours: Option<&'static str>,
    theirs: Theirs,
    /// What the difference is called.
    code: Option<&'static str>,
}

/// Lines of the statement about a sale.
enum Theirs {
    Nothing,
    Same,
    Twice,
    /// It came to nothing, says the partner.
    Void,
    /// The line has a number of its own, and names no event.
    Renamed,
    Amount(&'static str),
}

/// Each sale saves 30.00 of 250.00 or more, of which the bank bears 18.00.
const SALES: [Sale; 12] = [
    agreed(4, "220.00"),
    agreed(5, "221.00"),
    agreed(6, "222.00"),
    agreed(7, "223.00"),
    agreed(8, "224.00"),
    agreed(9, "225.00"),
    differs(11, Some("226.00"), Theirs::Amount("236.00"), "AMOUNT_DIFF"),
    differs(12, Some("227.00"), Theirs::Nothing, "MISSING_AT_PARTNER"),
    differs(13, None, Theirs::Amount("228.00"), "MISSING_IN_GATEWAY"),
    differs(14, Some("229.00"), Theirs::Twice, "DUPLICATE"),
    differs(15, Some("230.00"), Theirs::Void, "STATUS_DIFF"),
    differs(16, Some("231.00"), Theirs::Renamed, "CANDIDATE"),
];

const SAVED: Decimal = Decimal::from_parts(3_000, 0, 0, false, 2);
/// The bank owes so much more for the sale whose amount was wrong.
const ADJUSTED: &str = "6.00";
pub const STORE: &str = "朝阳门店";

const fn agreed(day: u32, paid: &'static str) -> Sale {
    Sale { day, ours: Some(paid), theirs: Theirs::Same, code: None }
}

const fn differs(day: u32, ours: Option<&'static str>, theirs: Theirs, code: &'static str) -> Sale {
    Sale { day, ours, theirs, code: Some(code) }
}

/// A member of the bank's staff at the API.
pub struct Clerk<'a> {
    stage: &'a Stage,
    token: String,
}

impl<'a> Clerk<'a> {
    pub fn new(stage: &'a Stage, name: &str, roles: &[&str]) -> Result<Self, Failure> {
        Ok(Self { stage, token: stage.staff_token(name, roles)? })
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.stage.url);
        reqwest::Client::new().request(method, url).bearer_auth(&self.token)
    }

    async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let answer = self.request(Method::GET, path).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }

    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(serde_json::from_slice(&self.bytes(path).await?)?)
    }

    pub async fn post(&self, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        answered(request, path).await
    }
}

pub async fn answered(request: RequestBuilder, path: &str) -> Result<Value, Failure> {
    let answer = request.send().await?;
    let (status, body) = (answer.status(), answer.json::<Value>().await?);
    if !status.is_success() {
        return Err(format!("{path}: {status} {body}").into());
    }
    Ok(body)
}

/// The month before the last one: the day that is played is never in it.
pub fn month() -> Result<Period, Failure> {
    let today = clock::now().utc().date_naive().with_day(1);
    let first = today.and_then(|day| day.checked_sub_months(chrono::Months::new(2)));
    Ok(Period::of(first.ok_or("no such month")?))
}

/// Plays the month, prints what came of it, and checks every figure.
pub async fn settle(stage: &Stage, played: &Played, checks: &mut Checks) -> Result<(), Failure> {
    let period = month()?;
    let receipts = sell(played, period).await?;
    let (ann, ben) = (
        Clerk::new(stage, "ann", &["reconcile"])?,
        Clerk::new(stage, "ben", &["settle", "reconcile"])?,
    );
    println!("The month {period} of {SUPERMARKET}");
    compare(&ann, period, checks).await?;
    decide(&ann, &ben, period, checks).await?;
    let owed = subsidies(&receipts);
    let payout = close(&ann, &ben, period).await?;
    println!("  closed by two persons, to be paid out CNY {payout}");
    checks.equal("what the month pays out", &payout, &owed);
    let order = write_files(stage, &ben, period, checks, payout).await?;
    paid(stage, &ben, period, checks, &order).await?;
    verify(stage, played, period, &receipts, checks).await
}

/// The sales of the month, posted as the supermarket's back office would; their receipts.
async fn sell(played: &Played, period: Period) -> Result<Vec<Value>, Failure> {
    let client = played.clients.iter().find(|client| client.id == SUPERMARKET);
    let client = client.ok_or("no such partner")?;
    let mut receipts = Vec::new();
    for sale in &SALES {
        let Some(paid) = sale.ours else { continue };
        let gross = paid.parse::<Decimal>()?.saturating_add(SAVED);
        let data = json!({
            "member": format!("GB-20{:02}", sale.day), "order": order(sale), "store": STORE, "currency": "CNY",
            "gross": gross.to_string(), "discount": SAVED.to_string(), "paid": paid,
            "scheme": "spend-200-save-30",
        });
        let event = cloud_event(&event_id(sale), Payment::TYPE, &time(sale, period), data);
        receipts.push(client.post_event(&event).await?);
    }
    Ok(receipts)
}

fn order(sale: &Sale) -> String {
    format!("M-{:02}", sale.day)
}

fn event_id(sale: &Sale) -> String {
    format!("month-{:02}", sale.day)
}

fn time(sale: &Sale, period: Period) -> String {
    format!("{period}-{:02}T04:00:00Z", sale.day)
}

/// The supermarket's statement, with the differences in it.
fn statement(period: Period) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for sale in &SALES {
        let (times, amount) = match &sale.theirs {
            Theirs::Nothing => (0, None),
            Theirs::Same | Theirs::Void | Theirs::Renamed => (1, sale.ours),
            Theirs::Twice => (2, sale.ours),
            Theirs::Amount(amount) => (1, Some(*amount)),
        };
        let Some(amount) = amount else { continue };
        let (event, order) = match &sale.theirs {
            Theirs::Renamed => (String::new(), format!("T-{:02}", sale.day)),
            Theirs::Nothing | Theirs::Same | Theirs::Twice | Theirs::Void | Theirs::Amount(_) => {
                (event_id(sale), order(sale))
            }
        };
        let status = if matches!(sale.theirs, Theirs::Void) { "CLOSED" } else { "" };
        let row = format!("{event},{order},{},SALE,{amount},{STORE},{status}", time(sale, period));
        rows.extend(std::iter::repeat_n((row, amount), times));
    }
    let mut total = Decimal::ZERO;
    for (_row, amount) in &rows {
        total = total.saturating_add(amount.parse()?);
    }
    let lines: String = rows.iter().map(|(row, _amount)| format!("{row}\n")).collect();
    Ok(format!(
        "event,order,occurred_at,type,amount,store,status\n{lines}TOTAL,{},,,{total},,\n",
        rows.len()
    ))
}

/// Hands the statement in and compares; the differences are those that were put there.
async fn compare(ann: &Clerk<'_>, period: Period, checks: &mut Checks) -> Result<(), Failure> {
    let path = format!("/v1/reconciliation/statements?partner={SUPERMARKET}&period={period}");
    let file = statement(period)?;
    let request = ann.request(Method::POST, &path).header("content-type", "text/csv").body(file);
    let kept = answered(request, &path).await?;
    let asked = json!({ "partner": SUPERMARKET, "period": period });
    let run = ann.post("/v1/reconciliation/runs", Some(asked)).await?;
    let report = run.get("report").cloned().unwrap_or_default();
    let (lines, matched) = (kept.get("lines"), report.get("matched"));
    let agreed = SALES.iter().filter(|sale| sale.code.is_none()).count();
    let codes: BTreeMap<&str, u64> =
        SALES.iter().filter_map(|sale| Some((sale.code?, 1))).collect();
    println!(
        "  {} lines of its statement; {} agree; {} differences",
        lines.unwrap_or(&Value::Null),
        matched.unwrap_or(&Value::Null),
        codes.len()
    );
    checks.equal("differences found", &report.get("breaks"), &Some(&json!(codes)));
    // One line of the two that are the same agrees.
    checks.equal("sales that agree", &matched, &Some(&json!(agreed.saturating_add(1))));
    Ok(())
}

/// One person proposes what is to be done about each difference, another approves.
async fn decide(
    ann: &Clerk<'_>,
    ben: &Clerk<'_>,
    period: Period,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let list = format!("/v1/breaks?partner={SUPERMARKET}&period={period}&limit=100");
    let found = ann.get(&list).await?;
    let found = found.get("breaks").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut approved = 0_usize;
    for one in &found {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        let (id, code) = (text("id"), text("code"));
        let (action, says) = match code {
            "AMOUNT_DIFF" => ("adjust", "the till's paper has 236.00"),
            "MISSING_AT_PARTNER" => ("accept", "the shop's paper has it, and its statement will"),
            "MISSING_IN_GATEWAY" => ("accept", "no discount was given: nothing is owed for it"),
            "DUPLICATE" => ("accept", "one sale, written twice by the shop"),
            "STATUS_DIFF" => ("accept", "closed by mistake and paid after all"),
            _ => ("accept", "same day, store and amount: the till gave it another number"),
        };
        let mut body = json!({ "action": action, "reason": says });
        if let (true, Some(body)) = (action == "adjust", body.as_object_mut()) {
            body.insert("amount".to_owned(), json!(ADJUSTED));
        }
        ann.post(&format!("/v1/breaks/{id}/proposals"), Some(body)).await?;
        let looked_at = Some(json!({ "proposal": 1 }));
        ben.post(&format!("/v1/breaks/{id}/approval"), looked_at).await?;
        println!("  {code:<20} {action:<7} {says}");
        approved = approved.saturating_add(1);
    }
    let left = ann.get(&list).await?;
    let left = left.get("breaks").and_then(Value::as_array).map(Vec::len);
    checks.equal("differences decided by two persons", &approved, &6);
    checks.equal("differences left", &left, &Some(0));
    Ok(())
}

/// What the bank owes by the receipts of the month.
fn subsidies(receipts: &[Value]) -> Decimal {
    let lines = receipts.iter().filter_map(|it| it.get("postings")?.as_array()).flatten();
    let owed =
        lines.filter(|line| line.get("account").and_then(Value::as_str) == Some("subsidy_payable"));
    owed.map(super::report::amount).sum()
}

/// One person proposes the close, another closes; what is paid out.
async fn close(ann: &Clerk<'_>, ben: &Clerk<'_>, period: Period) -> Result<Decimal, Failure> {
    let asked = json!({ "partner": SUPERMARKET, "period": period });
    let proposed = ann.post("/v1/settlements", Some(asked)).await?;
    let looked_at = Some(json!({ "sha256": proposed.get("sha256") }));
    let path = format!("/v1/settlements/{SUPERMARKET}/{period}/close");
    let closed = ben.post(&path, looked_at).await?;
    let payout = closed.get("statement").and_then(|it| it.get("payout")).and_then(Value::as_str);
    Ok(payout.ok_or("the statement has no payout")?.parse()?)
}

/// The order to the bank, and the statement on paper.
async fn write_files(
    stage: &Stage,
    ben: &Clerk<'_>,
    period: Period,
    checks: &mut Checks,
    payout: Decimal,
) -> Result<String, Failure> {
    let path = format!("/v1/settlements/{SUPERMARKET}/{period}");
    let order = String::from_utf8(ben.bytes(&format!("{path}/payout")).await?)?;
    let sum = format!("<CtrlSum>{payout}</CtrlSum>");
    checks.equal("the payment order", &order.contains(&sum), &true);
    let xml = stage.folder.join(format!("pain.001-{period}.xml"));
    fs::write(&xml, &order)?;
    let paper = ben.bytes(&format!("{path}/file?format=pdf")).await?;
    checks.equal("the statement on paper", &paper.starts_with(b"%PDF-1.7"), &true);
    let pdf = stage.folder.join(format!("statement-{period}.pdf"));
    fs::write(&pdf, paper)?;
    println!("  payment order in {}, statement in {}", xml.display(), pdf.display());
    Ok(order)
}

/// The bank books the order and says so in its statement of the day; nothing is owed for the month then.
async fn paid(
    stage: &Stage,
    ben: &Clerk<'_>,
    period: Period,
    checks: &mut Checks,
    order: &str,
) -> Result<(), Failure> {
    let statement = bank::statement(order)?;
    let file = stage.folder.join(format!("camt.053-{period}.xml"));
    fs::write(&file, &statement)?;
    let path = "/v1/reconciliation/bank-statements";
    let request = ben.request(Method::POST, path).header("content-type", "application/xml");
    let taken = answered(request.body(statement), path).await?;
    let path = format!("/v1/settlements/{SUPERMARKET}/{period}/payout/state");
    let state = ben.get(&path).await?;
    println!("  paid, says the bank's statement in {}", file.display());
    checks.equal("what the bank booked", &taken.get("breaks"), &Some(&json!([])));
    checks.equal("what became of the payout", &state.get("state"), &Some(&json!("paid")));
    Ok(())
}

/// The supermarket checks its statement against its own receipts, as it would offline, and accepts it.
async fn verify(
    stage: &Stage,
    played: &Played,
    period: Period,
    receipts: &[Value],
    checks: &mut Checks,
) -> Result<(), Failure> {
    let client = played.clients.iter().find(|client| client.id == SUPERMARKET);
    let client = client.ok_or("no such partner")?;
    let path = format!("/v1/settlement-statements/{period}");
    let read = client.get(&path).await?;
    let statement: KeptStatement =
        serde_json::from_value(read.get("statement").cloned().unwrap_or_default())?;
    let span = period.span(stage.zone);
    let mut check = StatementCheck::new(statement, span.until);
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let page = client.get(&format!("{path}/entries?limit=100{cursor}")).await?;
        for entry in page.get("entries").and_then(Value::as_array).into_iter().flatten() {
            check.entry(serde_json::from_value(entry.clone())?)?;
        }
        next = page.get("next").and_then(Value::as_str).map(|next| format!("&cursor={next}"));
    }
    for receipt in receipts {
        check.receipt(&serde_json::from_value::<FileReceipt>(receipt.clone())?)?;
    }
    let report = check.finish(true)?;
    checks.equal("faults of the statement", &report.faults, &Vec::new());
    checks.equal("receipts in it", &usize::try_from(report.receipts)?, &receipts.len());
    let accept = json!({ "answer": "accepted" });
    client.post(&format!("{path}/answers"), &accept).await?;
    println!("  {SUPERMARKET} has checked it against {} receipts, and accepts it", receipts.len());
    Ok(())
}
