//! The whole of the books, read up to a cut-off: balances as the entries sum to them, and the
//! journal page by page. Whoever reads more than one thing here does so in one
//! [`snapshot`](Db::snapshot). Sums are made by the database in integers, as in [`super::proof`].

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text, Timestamp};

use super::{Db, StoreError, types};
use crate::ledger::{Account, Cutoff};
use crate::money::Amount;

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
    balance: i64,
}

#[derive(QueryableByName)]
struct SumRow {
    #[diesel(sql_type = BigInt)]
    total: i64,
}

const BALANCE: &str = "
    SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS total FROM entries
    WHERE effective_at <= $1 AND recorded_at <= $2 AND account_id = $3";

const BALANCES: &str = "
    SELECT a.code, a.owner_kind, a.owner, a.asset, s.total AS balance
    FROM (
        SELECT account_id, CAST(SUM(amount) AS BIGINT) AS total FROM entries
        WHERE effective_at <= $1 AND recorded_at <= $2 GROUP BY account_id
    ) s
    JOIN accounts a ON a.id = s.account_id
    ORDER BY a.code, a.owner, a.asset";

/// The sum of an account's entries up to the cut-off.
///
/// # Errors
/// [`StoreError`].
pub fn balance(db: &mut Db, account: &Account, cutoff: Cutoff) -> Result<Amount, StoreError> {
    let id = account.id();
    let row: SumRow = both!(db, connection => diesel::sql_query(BALANCE)
        .bind::<Timestamp, _>(cutoff.effective.naive())
        .bind::<Timestamp, _>(cutoff.recorded.naive())
        .bind::<Binary, _>(id.bytes().as_slice())
        .get_result(connection))?;
    Ok(Amount::from_minor(row.total, account.asset))
}

/// The sums of all accounts' entries up to the cut-off, by code, owner and asset. Accounts without
/// an entry by then are left out.
///
/// # Errors
/// [`StoreError`].
pub fn balances(db: &mut Db, cutoff: Cutoff) -> Result<Vec<(Account, Amount)>, StoreError> {
    let rows: Vec<BalanceRow> = both!(db, connection => diesel::sql_query(BALANCES)
        .bind::<Timestamp, _>(cutoff.effective.naive())
        .bind::<Timestamp, _>(cutoff.recorded.naive())
        .load(connection))?;
    rows.into_iter()
        .map(|row| {
            let account = types::account(&row.code, &row.owner_kind, &row.owner, &row.asset)?;
            let balance = Amount::from_minor(row.balance, account.asset);
            Ok((account, balance))
        })
        .collect()
}
