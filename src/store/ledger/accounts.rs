//! Accounts and their balances. A balance is kept beside the entries and can be proved from them.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text};

use crate::ids::AccountId;
use crate::ledger::{Account, Posting};
use crate::money::Amount;
use crate::store::schema::accounts;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = accounts, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    code: &'static str,
    owner_kind: &'static str,
    owner: String,
    asset: &'static str,
    balance: i64,
}

/// Adds postings to the balances of their accounts, opening accounts that are new. Rows are
/// touched in the order of their ids, so that two gateways never wait for each other in a circle.
///
/// # Errors
/// [`StoreError::OutOfRange`] when a balance would leave the range of its asset.
pub fn apply<'a>(
    tx: &mut LedgerTx<'_>,
    postings: impl Iterator<Item = &'a Posting>,
) -> Result<(), StoreError> {
    let mut changes: BTreeMap<AccountId, (&Account, i64)> = BTreeMap::new();
    for posting in postings {
        let (_account, change) = changes.entry(posting.account_id).or_insert((&posting.account, 0));
        *change = change.checked_add(posting.amount.minor()).ok_or(StoreError::OutOfRange)?;
    }
    let rows: Vec<Row<'_>> = changes
        .iter()
        .map(|(id, (account, change))| Row {
            id: id.bytes(),
            code: account.code.name(),
            owner_kind: account.owner.kind(),
            owner: account.owner.name(),
            asset: account.asset.code(),
            balance: *change,
        })
        .collect();
    match &mut *tx.0 {
        Db::Postgres(db) => apply_arrays(db, &rows)?,
        Db::Sqlite(db) => {
            // Nearly all are open already, and an upsert would be prepared anew for each.
            for row in &rows {
                let open = diesel::update(accounts::table.find(row.id));
                let balance = accounts::balance.eq(accounts::balance + row.balance);
                if open.set(balance).execute(db)? == 0 {
                    diesel::insert_into(accounts::table).values(row).execute(db)?;
                }
            }
        }
    }
    Ok(())
}

fn apply_arrays(db: &mut PgConnection, rows: &[Row<'_>]) -> QueryResult<()> {
    let owners: Vec<&str> = rows.iter().map(|row| row.owner.as_str()).collect();
    diesel::sql_query(
        "INSERT INTO accounts (id, code, owner_kind, owner, asset, balance) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET balance = accounts.balance + excluded.balance",
    )
    .bind::<Array<Binary>, _>(column!(rows, id))
    .bind::<Array<Text>, _>(column!(rows, code))
    .bind::<Array<Text>, _>(column!(rows, owner_kind))
    .bind::<Array<Text>, _>(owners)
    .bind::<Array<Text>, _>(column!(rows, asset))
    .bind::<Array<BigInt>, _>(column!(rows, balance))
    .execute(db)?;
    Ok(())
}

/// The balances of these accounts in smallest units, of those that were posted to.
pub fn balances(
    db: &mut Db,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, i64>, StoreError> {
    let ids: Vec<&[u8]> = accounts.iter().map(|id| id.bytes().as_slice()).collect();
    let mut found = HashMap::with_capacity(ids.len());
    for part in ids.chunks(crate::store::rows_max(1)) {
        let rows: Vec<(Vec<u8>, i64)> = both!(db, db => accounts::table
            .filter(accounts::id.eq_any(part))
            .select((accounts::id, accounts::balance))
            .load(db))?;
        for (id, balance) in rows {
            found.insert(AccountId::from_bytes(types::bytes16(&id, "accounts.id")?), balance);
        }
    }
    Ok(found)
}

/// The balance of an account; zero for one that was never posted to.
pub fn balance(db: &mut Db, account: &Account) -> Result<Amount, StoreError> {
    let minor: Option<i64> = accounts::table
        .filter(accounts::id.eq(account.id().bytes().as_slice()))
        .select(accounts::balance)
        .first(db)
        .optional()?;
    Ok(Amount::from_minor(minor.unwrap_or(0), account.asset))
}

/// All accounts with their balances, by code, owner and asset.
pub fn all(db: &mut Db) -> Result<Vec<(Account, Amount)>, StoreError> {
    let rows: Vec<(String, String, String, String, i64)> = accounts::table
        .select((
            accounts::code,
            accounts::owner_kind,
            accounts::owner,
            accounts::asset,
            accounts::balance,
        ))
        .order((accounts::code, accounts::owner, accounts::asset))
        .load(db)?;
    rows.into_iter()
        .map(|(code, kind, owner, asset, balance)| {
            let account = types::account(&code, &kind, &owner, &asset)?;
            let balance = Amount::from_minor(balance, account.asset);
            Ok((account, balance))
        })
        .collect()
}
