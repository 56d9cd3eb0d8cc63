//! A customer's points as the customer reads them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::program::Lot;
use crate::store::transactions::{EntryPlace, HistoryLine};
use crate::store::{Db, StoreError, accounts, customers, lots, transactions};

/// How a customer's points stand, with one page of their history.
#[derive(Serialize, ToSchema)]
pub struct Points {
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
    pub entries: Vec<Entry>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Points that something happens to at a time.
#[derive(Serialize, ToSchema)]
pub struct Dated {
    amount: Amount,
    at: Moment,
}

/// One movement of points.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    /// Where the history goes on after this entry.
    #[serde(skip)]
    pub place: EntryPlace,
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

/// The points of the customer of a subject, from one state of the database. A customer whom no
/// partner knows yet has none.
///
/// # Errors
/// [`StoreError`].
pub fn read(
    subject: &str,
    db: &mut Db,
    after: Option<EntryPlace>,
    rows_max: i64,
) -> Result<Points, StoreError> {
    db.snapshot(|db| {
        let Some(id) = customers::by_subject(db, subject)? else {
            return Ok(Points::none());
        };
        let account = |code| Account::customer(code, id, Asset::PTS);
        let available = account(AccountCode::POINTS_AVAILABLE);
        let lines = transactions::history(db, &available, after, rows_max)?;
        let owed = lots::owed(db, &[id])?.first().map(|(_customer, owed)| *owed);
        let lots = lots::of_customers(db, &[id])?;
        Ok(Points {
            balance: accounts::balance(db, &available)?,
            pending: accounts::balance(db, &account(AccountCode::POINTS_PENDING))?,
            owed: owed.unwrap_or(Amount::zero(Asset::PTS)),
            maturing: dated(&lots, |lot| Some((lot.matures_at?, lot.parts.pending))),
            expiring: dated(&lots, |lot| Some((lot.expires_at?, lot.parts.available))),
            entries: lines.into_iter().map(Entry::from).collect(),
            next: None,
        })
    })
}

impl Points {
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
}

/// The sums by date of what the lots have coming, soonest first.
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
        // The receipt was written by this program; what is missing is shown as absent, not hidden.
        let receipt: Value = serde_json::from_str(&line.receipt).unwrap_or_default();
        Self {
            place: line.place,
            amount: line.amount,
            kind: line.kind,
            partner: receipt.get("partner").cloned().unwrap_or_default(),
            explanation: sentences(&receipt, "says"),
            explanation_zh: sentences(&receipt, "says_zh"),
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
        }
    }
}

/// The sentences of a receipt's explanation in one language: `says` or `says_zh`.
pub(super) fn sentences(receipt: &Value, language: &str) -> Vec<String> {
    let reasons = receipt.get("explanation").and_then(Value::as_array);
    let text = |reason: &Value| Some(reason.get(language)?.as_str()?.to_owned());
    reasons.into_iter().flatten().filter_map(text).collect()
}
