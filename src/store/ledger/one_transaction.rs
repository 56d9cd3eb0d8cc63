//! One transaction with its entries, for people who ask what became of something.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{LotId, TransactionId};
use crate::ledger::Account;
use crate::money::Amount;
use crate::store::schema::{accounts, entries, transactions};
use crate::store::{Db, StoreError, types};

/// A transaction as it is kept, without its entries.
pub struct OneTransaction {
    pub kind: String,
    pub receipt: String,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// An entry of a transaction.
pub struct OneEntry {
    pub account: Account,
    pub amount: Amount,
    pub rule: String,
    pub lot: Option<LotId>,
}

/// The transaction of that id; `None` when there is none.
pub fn read(db: &mut Db, id: TransactionId) -> Result<Option<OneTransaction>, StoreError> {
    type Row = (String, String, chrono::NaiveDateTime, chrono::NaiveDateTime);
    let row: Option<Row> = transactions::table
        .find(id.bytes().as_slice())
        .select((
            transactions::kind,
            transactions::receipt,
            transactions::effective_at,
            transactions::recorded_at,
        ))
        .first(db)
        .optional()?;
    Ok(row.map(|(kind, receipt, effective_at, recorded_at)| OneTransaction {
        kind,
        receipt,
        effective_at: types::moment(effective_at),
        recorded_at: types::moment(recorded_at),
    }))
}

/// Its first entries, by their numbers.
pub fn entries_of(
    db: &mut Db,
    id: TransactionId,
    rows_max: i64,
) -> Result<Vec<OneEntry>, StoreError> {
    type Row = (String, String, String, String, i64, String, Option<Vec<u8>>);
    let rows: Vec<Row> = entries::table
        .inner_join(accounts::table)
        .filter(entries::transaction_id.eq(id.bytes().as_slice()))
        .order(entries::seq)
        .limit(rows_max)
        .select((
            accounts::code,
            accounts::owner_kind,
            accounts::owner,
            accounts::asset,
            entries::amount,
            entries::rule,
            entries::lot_id,
        ))
        .load(db)?;
    let read = |(code, kind, owner, asset, amount, rule, lot): Row| {
        let account = types::account(&code, &kind, &owner, &asset)?;
        let amount = Amount::from_minor(amount, account.asset);
        let lot = lot.map(|lot| types::uuid(&lot, "entries.lot_id")).transpose()?;
        Ok(OneEntry { account, amount, rule, lot: lot.map(LotId::from_uuid) })
    };
    rows.into_iter().map(read).collect()
}
