//! The whole of the books, read up to a cut-off: balances as the entries sum to them, and the
//! journal page by page. Whoever reads more than one thing here does so in one
//! [`snapshot`](Db::snapshot). Sums are made by the database in integers, as in [`crate::store::proof`].

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamp};

use crate::clock::Moment;
use crate::ids::{AccountId, PartnerId, TransactionId};
use crate::ledger::{Account, Cutoff, Total};
use crate::money::{Amount, Asset};
use crate::store::schema::{accounts, entries, transactions};
use crate::store::{Db, StoreError, types};

/// A transaction of the journal with its entries in their order.
pub struct JournalTransaction {
    pub id: TransactionId,
    pub kind: String,
    pub effective_at: Moment,
    pub recorded_at: Moment,
    pub entries: Vec<JournalEntry>,
}

pub struct JournalEntry {
    pub seq: i64,
    pub account: Account,
    pub amount: Amount,
    pub rule: String,
}

/// What customers have in points by transactions of one kind, in lots that one partner's events
/// brought or in none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerPoints {
    pub partner: Option<PartnerId>,
    pub kind: String,
    pub points: Total,
}

/// Points in a partner's lots, by the numbers of the spans in which they were earned and expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotsSum {
    pub partner: PartnerId,
    pub age: usize,
    pub expires: usize,
    pub points: Total,
}

#[derive(QueryableByName)]
struct LotsSumRow {
    #[diesel(sql_type = Text)]
    partner: String,
    #[diesel(sql_type = BigInt)]
    age: i64,
    #[diesel(sql_type = BigInt)]
    expires: i64,
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
}

#[derive(QueryableByName)]
struct BalanceRow {
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = Text)]
    owner_kind: String,
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
}

#[derive(QueryableByName)]
struct SumRow {
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
}

#[derive(QueryableByName)]
struct CustomerPointsRow {
    #[diesel(sql_type = Nullable<Text>)]
    partner: Option<String>,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
}

/// Sums come in two parts, because neither store sums beyond 64 bits alike: the sum of the amounts'
/// billions, and the sum of what is left of each.
const PART: i128 = 1_000_000_000;

fn total(high: i64, low: i64, asset: Asset) -> Total {
    let minor = i128::from(high).saturating_mul(PART).saturating_add(i128::from(low));
    Total::from_minor(minor, asset)
}

const BALANCE: &str = "
    SELECT CAST(COALESCE(SUM(amount / 1000000000), 0) AS BIGINT) AS high,
        CAST(COALESCE(SUM(amount % 1000000000), 0) AS BIGINT) AS low
    FROM entries
    WHERE effective_at <= $1 AND recorded_at <= $2 AND account_id = $3";

const BALANCES: &str = "
    SELECT a.code, a.owner_kind, a.owner, a.asset, s.high, s.low
    FROM (
        SELECT account_id, CAST(SUM(amount / 1000000000) AS BIGINT) AS high,
            CAST(SUM(amount % 1000000000) AS BIGINT) AS low
        FROM entries
        WHERE effective_at <= $1 AND recorded_at <= $2 GROUP BY account_id
    ) s
    JOIN accounts a ON a.id = s.account_id
    ORDER BY a.code, a.owner, a.asset";

/// What stands for the kind of a transaction where a debt is paid with points that became
/// available: between a lot and what its customer owes.
pub const DEBT: &str = "debt";

const CUSTOMER_POINTS: &str = "
    SELECT l.partner_id AS partner,
        CASE WHEN e.rule LIKE 'debt:%' THEN 'debt' ELSE t.kind END AS kind,
        CAST(SUM(e.amount / 1000000000) AS BIGINT) AS high,
        CAST(SUM(e.amount % 1000000000) AS BIGINT) AS low
    FROM entries e
    JOIN accounts a ON a.id = e.account_id
    JOIN transactions t ON t.id = e.transaction_id
    LEFT JOIN lots l ON l.id = e.lot_id
    WHERE e.effective_at <= $1 AND e.recorded_at <= $2
        AND a.owner_kind = 'customer' AND a.asset = 'PTS'
    GROUP BY 1, 2";

// SQLite numbers parameters in the order in which they first appear, so that is their order.
const LOTS_BY_SPAN: &str = "
    SELECT l.partner_id AS partner,
        CAST(CASE WHEN l.effective_at >= $1 THEN 0 WHEN l.effective_at >= $2 THEN 1
            WHEN l.effective_at >= $3 THEN 2 WHEN l.effective_at >= $4 THEN 3 ELSE 4
        END AS BIGINT) AS age,
        CAST(CASE WHEN l.expires_at IS NULL THEN 5 WHEN l.expires_at < $5 THEN 0
            WHEN l.expires_at < $6 THEN 1 WHEN l.expires_at < $7 THEN 2
            WHEN l.expires_at < $8 THEN 3 ELSE 4
        END AS BIGINT) AS expires,
        CAST(SUM(e.amount / 1000000000) AS BIGINT) AS high,
        CAST(SUM(e.amount % 1000000000) AS BIGINT) AS low
    FROM entries e
    JOIN accounts a ON a.id = e.account_id
    JOIN lots l ON l.id = e.lot_id
    WHERE e.effective_at <= $9 AND e.recorded_at <= $10
        AND a.owner_kind = 'customer' AND a.asset = 'PTS'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";

/// The sum of an account's entries up to the cut-off.
pub fn balance(db: &mut Db, account: &Account, cutoff: Cutoff) -> Result<Total, StoreError> {
    let id = account.id();
    let row: SumRow = both!(db, connection => diesel::sql_query(BALANCE)
        .bind::<Timestamp, _>(cutoff.effective.naive())
        .bind::<Timestamp, _>(cutoff.recorded.naive())
        .bind::<Binary, _>(id.bytes().as_slice())
        .get_result(connection))?;
    Ok(total(row.high, row.low, account.asset))
}

/// The sums of all accounts' entries up to the cut-off, by code, owner and asset. Accounts without
/// an entry by then are left out.
pub fn balances(db: &mut Db, cutoff: Cutoff) -> Result<Vec<(Account, Total)>, StoreError> {
    db.read_everything()?;
    let rows: Vec<BalanceRow> = both!(db, connection => diesel::sql_query(BALANCES)
        .bind::<Timestamp, _>(cutoff.effective.naive())
        .bind::<Timestamp, _>(cutoff.recorded.naive())
        .load(connection))?;
    rows.into_iter()
        .map(|row| {
            let account = types::account(&row.code, &row.owner_kind, &row.owner, &row.asset)?;
            let balance = total(row.high, row.low, account.asset);
            Ok((account, balance))
        })
        .collect()
}

/// What customers have in points up to the cut-off, whichever of their accounts it is on, by whose
/// lots and by the kind of transaction or [`DEBT`].
pub fn customer_points(db: &mut Db, cutoff: Cutoff) -> Result<Vec<CustomerPoints>, StoreError> {
    db.read_everything()?;
    let rows: Vec<CustomerPointsRow> = both!(db, connection => diesel::sql_query(CUSTOMER_POINTS)
        .bind::<Timestamp, _>(cutoff.effective.naive())
        .bind::<Timestamp, _>(cutoff.recorded.naive())
        .load(connection))?;
    rows.into_iter()
        .map(|row| {
            let partner = row.partner.as_deref().map(types::partner).transpose()?;
            let points = total(row.high, row.low, Asset::PTS);
            Ok(CustomerPoints { partner, kind: row.kind, points })
        })
        .collect()
}

/// What is in customers' lots up to the cut-off, by span: earned since each of these moments, the
/// latest first; expiring before each of those, the earliest first.
pub fn lots_by_span(
    db: &mut Db,
    cutoff: Cutoff,
    earned: &[Moment; 4],
    expiring: &[Moment; 4],
) -> Result<Vec<LotsSum>, StoreError> {
    db.read_everything()?;
    let [e0, e1, e2, e3] = earned.map(Moment::naive);
    let [x0, x1, x2, x3] = expiring.map(Moment::naive);
    let rows: Vec<LotsSumRow> = both!(db, connection => diesel::sql_query(LOTS_BY_SPAN)
        .bind::<Timestamp, _>(e0)
        .bind::<Timestamp, _>(e1)
        .bind::<Timestamp, _>(e2)
        .bind::<Timestamp, _>(e3)
        .bind::<Timestamp, _>(x0)
        .bind::<Timestamp, _>(x1)
        .bind::<Timestamp, _>(x2)
        .bind::<Timestamp, _>(x3)
        .bind::<Timestamp, _>(cutoff.effective.naive())
        .bind::<Timestamp, _>(cutoff.recorded.naive())
        .load(connection))?;
    let span = |number: i64| {
        usize::try_from(number).map_err(|_negative| StoreError::Corrupt("lots' spans"))
    };
    rows.into_iter()
        .filter(|row| (row.high, row.low) != (0, 0))
        .map(|row| {
            Ok(LotsSum {
                partner: types::partner(&row.partner)?,
                age: span(row.age)?,
                expires: span(row.expires)?,
                points: total(row.high, row.low, Asset::PTS),
            })
        })
        .collect()
}

/// How many transactions the journal has up to the cut-off.
pub fn count(db: &mut Db, cutoff: Cutoff) -> Result<i64, StoreError> {
    Ok(transactions::table
        .filter(transactions::effective_at.le(cutoff.effective.naive()))
        .filter(transactions::recorded_at.le(cutoff.recorded.naive()))
        .count()
        .get_result(db)?)
}

/// The next accounts by id after the one where the page before ended.
pub fn accounts_page(
    db: &mut Db,
    after: Option<AccountId>,
    accounts_max: i64,
) -> Result<Vec<Account>, StoreError> {
    let after = after.map_or_else(Vec::new, |id| id.bytes().to_vec());
    let rows: Vec<(String, String, String, String)> = accounts::table
        .filter(accounts::id.gt(after.as_slice()))
        .order(accounts::id)
        .limit(accounts_max)
        .select((accounts::code, accounts::owner_kind, accounts::owner, accounts::asset))
        .load(db)?;
    rows.into_iter()
        .map(|(code, kind, owner, asset)| types::account(&code, &kind, &owner, &asset))
        .collect()
}

type TransactionRow = (Vec<u8>, String, chrono::NaiveDateTime, chrono::NaiveDateTime);

/// The next transactions by id after the one where the page before ended, up to the cut-off.
pub fn journal_page(
    db: &mut Db,
    cutoff: Cutoff,
    after: Option<TransactionId>,
    transactions_max: i64,
) -> Result<Vec<JournalTransaction>, StoreError> {
    let after = after.map_or_else(Vec::new, |id| id.bytes().to_vec());
    let rows: Vec<TransactionRow> = transactions::table
        .filter(transactions::id.gt(after.as_slice()))
        .filter(transactions::effective_at.le(cutoff.effective.naive()))
        .filter(transactions::recorded_at.le(cutoff.recorded.naive()))
        .order(transactions::id)
        .limit(transactions_max)
        .select((
            transactions::id,
            transactions::kind,
            transactions::effective_at,
            transactions::recorded_at,
        ))
        .load(db)?;
    let (Some((first, ..)), Some((last, ..))) = (rows.first(), rows.last()) else {
        return Ok(Vec::new());
    };
    let mut entries = journal_entries(db, cutoff, first, last)?;
    rows.into_iter()
        .map(|(id, kind, effective_at, recorded_at)| {
            Ok(JournalTransaction {
                entries: entries.remove(&id).unwrap_or_default(),
                id: TransactionId::from_uuid(types::uuid(&id, "transactions.id")?),
                kind,
                effective_at: types::moment(effective_at),
                recorded_at: types::moment(recorded_at),
            })
        })
        .collect()
}

type EntryRow = (Vec<u8>, i64, String, String, String, String, i64, String);

/// The entries of the transactions from the first id to the last.
fn journal_entries(
    db: &mut Db,
    cutoff: Cutoff,
    first: &[u8],
    last: &[u8],
) -> Result<HashMap<Vec<u8>, Vec<JournalEntry>>, StoreError> {
    let rows: Vec<EntryRow> = entries::table
        .inner_join(accounts::table)
        .filter(entries::transaction_id.ge(first).and(entries::transaction_id.le(last)))
        .filter(entries::effective_at.le(cutoff.effective.naive()))
        .filter(entries::recorded_at.le(cutoff.recorded.naive()))
        .order((entries::transaction_id, entries::seq))
        .select((
            entries::transaction_id,
            entries::seq,
            accounts::code,
            accounts::owner_kind,
            accounts::owner,
            accounts::asset,
            entries::amount,
            entries::rule,
        ))
        .load(db)?;
    let mut by_transaction: HashMap<Vec<u8>, Vec<JournalEntry>> = HashMap::new();
    for (transaction, seq, code, kind, owner, asset, amount, rule) in rows {
        let account = types::account(&code, &kind, &owner, &asset)?;
        let amount = Amount::from_minor(amount, account.asset);
        let entry = JournalEntry { seq, account, amount, rule };
        by_transaction.entry(transaction).or_default().push(entry);
    }
    Ok(by_transaction)
}
