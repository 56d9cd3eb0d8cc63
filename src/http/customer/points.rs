//! Customers look up their points, and get the member reference by which a partner knows them.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::openapi::bodies::MemberLink;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{MemberRef, PartnerId, TransactionId};
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::program::Lot;
use crate::store::transactions::{EntryPlace, HistoryLine};
use crate::store::{StoreError, accounts, customers, lots, transactions};

/// Which page of the entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The `next` of the page before.
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Points {
    /// What may be spent now.
    balance: Amount,
    /// What has been earned and may not be spent yet.
    pending: Amount,
    /// What is owed after a refund of points that were spent; paid from the next points earned.
    owed: Amount,
    /// What becomes available, and when.
    maturing: Vec<Dated>,
    /// What expires unless it is spent, and when, soonest first.
    expiring: Vec<Dated>,
    entries: Vec<Entry>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Points that something happens to at a time.
#[derive(Serialize, ToSchema)]
struct Dated {
    amount: Amount,
    at: Moment,
}

#[derive(Serialize, ToSchema)]
struct Entry {
    amount: Amount,
    /// The event's type.
    kind: String,
    /// Where it was.
    partner: Value,
    /// Why, in plain sentences.
    explanation: Vec<String>,
    explanation_zh: Vec<String>,
    effective_at: Moment,
    recorded_at: Moment,
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
    let points = gateway
        .main
        .read(move |db| {
            db.snapshot(|db| {
                let Some(id) = customers::by_subject(db, &customer.subject)? else {
                    return Ok(Points::none());
                };
                let account = |code| Account::customer(code, id, Asset::PTS);
                let available = account(AccountCode::POINTS_AVAILABLE);
                let lines = transactions::history(db, &available, place.after, place.rows_max())?;
                let owed = lots::owed(db, &[id])?.first().map(|(_customer, owed)| *owed);
                let lots = lots::of_customers(db, &[id])?;
                let mut points = Points {
                    balance: accounts::balance(db, &available)?,
                    pending: accounts::balance(db, &account(AccountCode::POINTS_PENDING))?,
                    owed: owed.unwrap_or(Amount::zero(Asset::PTS)),
                    maturing: dated(&lots, |lot| Some((lot.matures_at?, lot.parts.pending))),
                    expiring: dated(&lots, |lot| Some((lot.expires_at?, lot.parts.available))),
                    ..Points::none()
                };
                points.add_page(lines, &place);
                Ok::<_, StoreError>(points)
            })
        })
        .await?;
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
    let named = partner.clone();
    let member: MemberRef = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                let member = customers::link(tx, &customer.subject, &named, clock::now())?;
                if let Some(month) = customer.birth_month {
                    customers::set_birth_month(tx, &customer.subject, month)?;
                }
                Ok::<_, StoreError>(member)
            })
        })
        .await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "partner": partner, "member": member })))
}

impl Points {
    /// A customer whom no partner knows yet.
    fn none() -> Self {
        let zero = Amount::zero(Asset::PTS);
        Self {
            balance: zero,
            pending: zero,
            owed: zero,
            maturing: Vec::new(),
            expiring: Vec::new(),
            entries: Vec::new(),
            next: None,
        }
    }

    fn add_page(&mut self, mut lines: Vec<HistoryLine>, place: &Place<EntryPlace>) {
        self.next = place.cut(&mut lines, |last| write_cursor(last.place));
        self.entries = lines.into_iter().map(Entry::from).collect();
    }
}

/// The sums by date of what a lot has coming, soonest first.
fn dated(lots: &[Lot], coming: impl Fn(&Lot) -> Option<(Moment, Amount)>) -> Vec<Dated> {
    let mut sums: BTreeMap<Moment, Amount> = BTreeMap::new();
    for (at, amount) in lots.iter().filter_map(coming).filter(|(_at, amount)| !amount.is_zero()) {
        let sum = sums.entry(at).or_insert(Amount::zero(amount.asset()));
        // A sum beyond all range would be of points that no account can hold.
        *sum = sum.checked_add(amount).unwrap_or(*sum);
    }
    sums.into_iter().map(|(at, amount)| Dated { amount, at }).collect()
}

impl From<HistoryLine> for Entry {
    fn from(line: HistoryLine) -> Self {
        // The receipt was written by this program; what it lacks is shown as absent, not hidden.
        let receipt: Value = serde_json::from_str(&line.receipt).unwrap_or_default();
        let reasons = receipt.get("explanation").and_then(Value::as_array);
        let reasons: Vec<&Value> = reasons.into_iter().flatten().collect();
        let told = |says: &str| {
            let text = |reason: &&Value| Some(reason.get(says)?.as_str()?.to_owned());
            reasons.iter().filter_map(text).collect()
        };
        Self {
            amount: line.amount,
            kind: line.kind,
            partner: receipt.get("partner").cloned().unwrap_or_default(),
            explanation: told("says"),
            explanation_zh: told("says_zh"),
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
        }
    }
}

fn write_cursor(place: EntryPlace) -> String {
    format!("{}.{}", place.transaction, place.seq)
}

fn read_cursor(cursor: &str) -> Option<EntryPlace> {
    let (transaction, seq) = cursor.split_once('.')?;
    let transaction = TransactionId::from_uuid(uuid::Uuid::parse_str(transaction).ok()?);
    Some(EntryPlace { transaction, seq: seq.parse().ok()? })
}
