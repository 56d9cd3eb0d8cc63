//! Partners that staff have frozen.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text, Timestamp};

use crate::clock::Moment;
use crate::ids::{PartnerId, TransactionId};
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::store::schema::{accounts, entries, freezes};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A freeze of a partner.
#[derive(Clone, Debug)]
pub struct Freeze {
    pub partner: PartnerId,
    /// What was recorded from then on is held.
    pub since: Moment,
    pub by: String,
    pub because: String,
    pub at: Moment,
    /// What moved the partner's money out of reach, if there was any.
    pub transaction: Option<TransactionId>,
}

/// The end of a freeze.
#[derive(Clone, Debug)]
pub struct Lifting {
    pub by: String,
    pub because: String,
    pub at: Moment,
    pub transaction: Option<TransactionId>,
}

/// What a partner may be owed and paid.
const PAYABLE: [AccountCode; 4] = [
    AccountCode::SUBSIDY_PAYABLE,
    AccountCode::COMMISSION_PAYABLE,
    AccountCode::REDEMPTION_PAYABLE,
    AccountCode::SETTLEMENT_PAYABLE,
];

/// Events of these partners are recorded until the transaction ends: no freeze of theirs comes between.
/// Returns the freezes in force. SQLite has one writer.
pub fn share(
    tx: &mut LedgerTx<'_>,
    partners: &BTreeSet<&PartnerId>,
) -> Result<Vec<Freeze>, StoreError> {
    for partner in partners {
        lock(tx, partner, "SELECT pg_advisory_xact_lock_shared(7310296, hashtext($1))")?;
    }
    in_force(tx.0, Some(partners))
}

/// Whether the partner is frozen. Until the transaction ends that stays as it is.
pub fn is_frozen_throughout(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
) -> Result<bool, StoreError> {
    Ok(!share(tx, &BTreeSet::from([partner]))?.is_empty())
}

/// No event of the partner is recorded until the transaction ends.
pub fn lock_out(tx: &mut LedgerTx<'_>, partner: &PartnerId) -> Result<(), StoreError> {
    lock(tx, partner, "SELECT pg_advisory_xact_lock(7310296, hashtext($1))")
}

fn lock(tx: &mut LedgerTx<'_>, partner: &PartnerId, sql: &str) -> Result<(), StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        diesel::sql_query(sql).bind::<Text, _>(partner.as_str()).execute(db)?;
    }
    Ok(())
}

type FreezeRow =
    (String, chrono::NaiveDateTime, String, String, chrono::NaiveDateTime, Option<Vec<u8>>);

/// The freezes in force, of these partners or of all.
pub fn in_force(
    db: &mut Db,
    partners: Option<&BTreeSet<&PartnerId>>,
) -> Result<Vec<Freeze>, StoreError> {
    let rows: Vec<FreezeRow> = both!(db, db => freezes::table
        .filter(freezes::lifted_at.is_null())
        .order(freezes::partner_id)
        .select((
            freezes::partner_id,
            freezes::since,
            freezes::frozen_by,
            freezes::because,
            freezes::frozen_at,
            freezes::transaction_id,
        ))
        .load(db))?;
    let mut found = Vec::with_capacity(rows.len());
    for (partner, since, by, because, at, transaction) in rows {
        let partner = types::partner(&partner)?;
        if partners.is_none_or(|partners| partners.contains(&partner)) {
            let (since, at) = (types::moment(since), types::moment(at));
            let transaction = transaction.map(|id| types::uuid(&id, "freezes.transaction_id"));
            let transaction = transaction.transpose()?.map(TransactionId::from_uuid);
            found.push(Freeze { partner, since, by, because, at, transaction });
        }
    }
    Ok(found)
}

/// Keeps a freeze.
pub fn insert(tx: &mut LedgerTx<'_>, freeze: &Freeze) -> Result<(), StoreError> {
    let row = (
        freezes::partner_id.eq(freeze.partner.as_str()),
        freezes::since.eq(freeze.since.naive()),
        freezes::frozen_by.eq(&freeze.by),
        freezes::because.eq(&freeze.because),
        freezes::frozen_at.eq(freeze.at.naive()),
        freezes::transaction_id.eq(freeze.transaction.map(|id| id.bytes().to_vec())),
    );
    both!(tx.0, db => diesel::insert_into(freezes::table).values(row).execute(db))?;
    Ok(())
}

/// The freeze of a partner that is in force.
pub fn of(db: &mut Db, partner: &PartnerId) -> Result<Option<Freeze>, StoreError> {
    Ok(in_force(db, Some(&BTreeSet::from([partner])))?.pop())
}

/// Lifts the freeze in force; `false` when there is none.
pub fn lift(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    lifting: &Lifting,
) -> Result<bool, StoreError> {
    let row = freezes::table
        .filter(freezes::partner_id.eq(partner.as_str()))
        .filter(freezes::lifted_at.is_null());
    let lifted = diesel::update(row)
        .set((
            freezes::lifted_by.eq(&lifting.by),
            freezes::lifted_because.eq(&lifting.because),
            freezes::lifted_at.eq(lifting.at.naive()),
            freezes::lifted_transaction_id.eq(lifting.transaction.map(|id| id.bytes().to_vec())),
        ))
        .execute(tx.0)?;
    Ok(lifted == 1)
}

#[derive(QueryableByName)]
struct Sum {
    #[diesel(sql_type = BigInt)]
    amount: i64,
}

// What earlier freezes moved, away and back, is not owed anew. Ids of transactions rise with the time, so
// that only what was recorded since is read.
const OWED_SINCE: &str = "
    SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) AS amount
    FROM entries e
    JOIN transactions t ON t.id = e.transaction_id
        AND t.kind NOT IN ('partner.frozen', 'partner.thawed')
    WHERE e.account_id = {1} AND e.transaction_id >= {2} AND e.recorded_at >= {3}";

/// What a partner is owed by what was recorded from a moment on, by account. An account on which more
/// was taken back than was added is left out.
pub fn owed_since(
    db: &mut Db,
    partner: &PartnerId,
    since: Moment,
) -> Result<Vec<(AccountCode, Amount)>, StoreError> {
    let first = TransactionId::first_since(since);
    let mut owed = Vec::new();
    for code in PAYABLE {
        let account = Account::partner(code, partner, Asset::CNY).id();
        let Sum { amount } = match db {
            Db::Postgres(db) => {
                let query = OWED_SINCE.replace("{1}", "$1").replace("{2}", "$2");
                diesel::sql_query(query.replace("{3}", "$3"))
                    .bind::<Binary, _>(account.bytes().as_slice())
                    .bind::<Binary, _>(first.bytes().as_slice())
                    .bind::<Timestamp, _>(since.naive())
                    .get_result(db)?
            }
            Db::Sqlite(db) => {
                let query = OWED_SINCE.replace("{1}", "?").replace("{2}", "?");
                diesel::sql_query(query.replace("{3}", "?"))
                    .bind::<Binary, _>(account.bytes().as_slice())
                    .bind::<Binary, _>(first.bytes().as_slice())
                    .bind::<Timestamp, _>(since.naive())
                    .get_result(db)?
            }
        };
        if amount > 0 {
            owed.push((code, Amount::from_minor(amount, Asset::CNY)));
        }
    }
    Ok(owed)
}

/// What the transaction of a freeze took from which account, below zero.
pub fn moved_by(
    db: &mut Db,
    transaction: TransactionId,
) -> Result<Vec<(AccountCode, Amount)>, StoreError> {
    let rows: Vec<(String, i64)> = entries::table
        .inner_join(accounts::table)
        .filter(entries::transaction_id.eq(transaction.bytes().as_slice()))
        .order(entries::seq)
        .select((accounts::code, entries::amount))
        .load(db)?;
    let mut moved = Vec::with_capacity(rows.len());
    for (code, amount) in rows {
        let code = AccountCode::by_name(&code).ok_or(StoreError::Corrupt("accounts.code"))?;
        if PAYABLE.contains(&code) {
            moved.push((code, Amount::from_minor(amount, Asset::CNY)));
        }
    }
    Ok(moved)
}
