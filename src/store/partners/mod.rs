//! The history of the files below `partners/`, and the open business of a partner.

pub mod conformance;
pub mod freezes;
pub mod observations;
pub mod test_clocks;
pub mod webhook_endpoints;

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::partner::Status;
use crate::store::schema::{accounts, holds, partner_changes};
use crate::store::{Db, LedgerTx, StoreError, types};

/// One change of a file, applied or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Below the folder of partners, such as `green-basket/partner.toml`.
    pub file: String,
    /// From 1 on, for each file by itself.
    pub number: i64,
    pub recorded_at: Moment,
    /// `start`, `file` or `signal`.
    pub cause: String,
    /// The partner's status then; none for the programme, and where the file could not be read.
    pub status: Option<Status>,
    /// The whole text; none when the file was removed.
    pub content: Option<String>,
    /// Why the change was refused; empty when it was applied.
    pub reasons: String,
}

#[derive(Insertable)]
#[diesel(table_name = partner_changes, treat_none_as_default_value = false)]
struct NewRow<'a> {
    file: &'a str,
    number: i64,
    recorded_at: chrono::NaiveDateTime,
    cause: &'a str,
    outcome: &'static str,
    status: Option<&'static str>,
    content: Option<&'a str>,
    reasons: &'a str,
}

type Row = (String, i64, chrono::NaiveDateTime, String, Option<String>, Option<String>, String);

const COLUMNS: (
    partner_changes::file,
    partner_changes::number,
    partner_changes::recorded_at,
    partner_changes::cause,
    partner_changes::status,
    partner_changes::content,
    partner_changes::reasons,
) = (
    partner_changes::file,
    partner_changes::number,
    partner_changes::recorded_at,
    partner_changes::cause,
    partner_changes::status,
    partner_changes::content,
    partner_changes::reasons,
);

const APPLIED: &str = "applied";
const REFUSED: &str = "refused";

/// Appends changes. One whose number is taken was recorded by another gateway.
pub fn insert(tx: &mut LedgerTx<'_>, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        let row = NewRow {
            file: &change.file,
            number: change.number,
            recorded_at: change.recorded_at.naive(),
            cause: &change.cause,
            outcome: if change.reasons.is_empty() { APPLIED } else { REFUSED },
            status: change.status.map(Status::name),
            content: change.content.as_deref(),
            reasons: &change.reasons,
        };
        both!(tx.0, db => diesel::insert_into(partner_changes::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(db))?;
    }
    Ok(())
}

/// The changes of one file, or of all, from the first on.
pub fn history(db: &mut Db, file: Option<&str>) -> Result<Vec<Change>, StoreError> {
    let mut query = partner_changes::table.into_boxed();
    if let Some(file) = file {
        query = query.filter(partner_changes::file.eq(file));
    }
    let rows: Vec<Row> =
        query.order((partner_changes::file, partner_changes::number)).select(COLUMNS).load(db)?;
    rows.into_iter().map(change).collect()
}

/// The last changes of one file, the newest first.
pub fn newest(db: &mut Db, file: &str, rows_max: i64) -> Result<Vec<Change>, StoreError> {
    let rows: Vec<Row> = partner_changes::table
        .filter(partner_changes::file.eq(file))
        .order(partner_changes::number.desc())
        .limit(rows_max)
        .select(COLUMNS)
        .load(db)?;
    rows.into_iter().map(change).collect()
}

/// The last applied change and the last change of each file.
pub fn latest(db: &mut Db) -> Result<BTreeMap<String, (Option<Change>, Change)>, StoreError> {
    // The numbers first: the texts of all changes would be too much.
    let rows: Vec<(String, i64, String)> = partner_changes::table
        .order((partner_changes::file, partner_changes::number))
        .select((partner_changes::file, partner_changes::number, partner_changes::outcome))
        .load(db)?;
    let mut numbers: BTreeMap<String, (Option<i64>, i64)> = BTreeMap::new();
    for (file, number, outcome) in rows {
        let (taken, last) = numbers.entry(file).or_insert((None, number));
        *last = number;
        if outcome == APPLIED {
            *taken = Some(number);
        }
    }
    let mut latest = BTreeMap::new();
    for (file, (taken, last)) in numbers {
        let taken = taken.map(|number| one(db, &file, number)).transpose()?;
        let last = one(db, &file, last)?;
        latest.insert(file, (taken, last));
    }
    Ok(latest)
}

fn one(db: &mut Db, file: &str, number: i64) -> Result<Change, StoreError> {
    change(partner_changes::table.find((file, number)).select(COLUMNS).first(db)?)
}

fn change(row: Row) -> Result<Change, StoreError> {
    let (file, number, recorded_at, cause, status, content, reasons) = row;
    let status = status
        .map(|name| Status::by_name(&name).ok_or(StoreError::Corrupt("partner_changes.status")))
        .transpose()?;
    let recorded_at = types::moment(recorded_at);
    Ok(Change { file, number, recorded_at, cause, status, content, reasons })
}

/// The last status of a partner's file that was taken up, other than the one named.
pub fn last_status_but(
    db: &mut Db,
    file: &str,
    other: Status,
) -> Result<Option<Status>, StoreError> {
    let name: Option<Option<String>> = both!(db, db => partner_changes::table
        .filter(partner_changes::file.eq(file))
        .filter(partner_changes::outcome.eq(APPLIED))
        .filter(partner_changes::status.ne(other.name()))
        .order(partner_changes::number.desc())
        .select(partner_changes::status)
        .first(db)
        .optional())?;
    let corrupt = StoreError::Corrupt("partner_changes.status");
    name.flatten().map(|name| Status::by_name(&name).ok_or(corrupt)).transpose()
}

/// Whether a partner was ever in pilot or full business.
pub fn ever_real(db: &mut Db) -> Result<bool, StoreError> {
    let real = Status::ALL.into_iter().filter(|status| status.is_real()).map(Status::name);
    let real: Vec<&str> = real.collect();
    let found: Option<String> = both!(db, db => partner_changes::table
        .filter(partner_changes::outcome.eq(APPLIED))
        .filter(partner_changes::status.eq_any(&real))
        .select(partner_changes::file)
        .first(db)
        .optional())?;
    Ok(found.is_some())
}

/// The number of a partner's open holds.
pub fn holds_open(db: &mut Db, partner: &PartnerId) -> Result<i64, StoreError> {
    Ok(holds::table
        .filter(holds::partner_id.eq(partner.as_str()))
        .filter(holds::state.eq("held"))
        .count()
        .get_result(db)?)
}

/// The number of a partner's accounts that are not zero.
pub fn accounts_open(db: &mut Db, partner: &PartnerId) -> Result<i64, StoreError> {
    Ok(accounts::table
        .filter(accounts::owner_kind.eq("partner"))
        .filter(accounts::owner.eq(partner.as_str()))
        .filter(accounts::balance.ne(0))
        .count()
        .get_result(db)?)
}
