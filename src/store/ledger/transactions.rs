//! The ledger's transactions and entries: appended in balance, never changed.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamp};

use crate::clock::Moment;
use crate::event::{Payment, Refund};
use crate::ids::{AccountId, CustomerId, EventKey, LotId, TransactionId};
use crate::ledger::{Account, Posting, RuleVersion, Transaction, TransactionKind};
use crate::money::Amount;
use crate::program::{LinePart, OriginalTransaction, PaymentStanding};
use crate::store::moment::StoredMoment;
use crate::store::schema::{accounts, entries, events, released_events, transactions};
use crate::store::{
    Db, LedgerTx, StoreError, corrections, counters, held_events, lines, seals, types,
};

/// A transaction to be recorded.
pub struct NewTransaction<'a> {
    pub transaction: &'a Transaction,
    pub kind: TransactionKind,
    pub receipt: &'a str,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// Where an entry stands: its transaction and its number in it. Pages go on from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPlace {
    pub transaction: TransactionId,
    pub seq: i64,
}

/// One entry on an account, as its owner reads it.
pub struct HistoryLine {
    pub place: EntryPlace,
    pub kind: String,
    pub amount: Amount,
    pub rule: String,
    /// The receipt of the transaction, which explains it.
    pub receipt: String,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = transactions, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    kind: &'static str,
    entry_count: i64,
    receipt: &'a str,
    effective_at: StoredMoment,
    recorded_at: StoredMoment,
}

/// Owns what it says: diesel keeps a statement of many rows prepared only for such rows.
#[derive(Insertable)]
#[diesel(table_name = entries, treat_none_as_default_value = false)]
struct EntryRow {
    transaction_id: [u8; 16],
    seq: i64,
    account_id: [u8; 16],
    lot_id: Option<[u8; 16]>,
    asset: &'static str,
    amount: i64,
    rule: String,
    effective_at: StoredMoment,
    recorded_at: StoredMoment,
}

/// Entries in one of SQLite's statements: about what ten payments have.
const ENTRIES_AT_ONCE: usize = 50;

/// Appends transactions with their entries. On PostgreSQL a transaction is proved when the
/// database's own transaction commits; SQLite knows no such trigger, so there the entries come
/// first, and the transaction that closes them proves them. Accounts may come later
/// ([`crate::store::accounts::apply`]), up to the commit.
///
/// # Errors
/// [`StoreError`]; the database refuses a transaction that does not balance.
pub fn insert(tx: &mut LedgerTx<'_>, list: &[NewTransaction<'_>]) -> Result<(), StoreError> {
    let entry_rows: Vec<EntryRow> = list.iter().flat_map(entry_rows).collect();
    let rows: Vec<Row<'_>> = list.iter().map(row).collect();
    match &mut *tx.0 {
        Db::Postgres(db) => {
            insert_arrays(db, &rows)?;
            insert_entry_arrays(db, &entry_rows)?;
        }
        Db::Sqlite(db) => {
            // Because of its triggers SQLite keeps a journal of each statement into this table,
            // which costs a third of what a row does: many rows share one.
            let (many, rest) = entry_rows.as_chunks::<ENTRIES_AT_ONCE>();
            for rows in many {
                diesel::insert_into(entries::table).values(rows).execute(db)?;
            }
            for row in rest {
                diesel::insert_into(entries::table).values(row).execute(db)?;
            }
            // Row by row, as everywhere else: such a statement is prepared once.
            for row in &rows {
                diesel::insert_into(transactions::table).values(row).execute(db)?;
            }
        }
    }
    Ok(())
}

fn insert_arrays(db: &mut PgConnection, rows: &[Row<'_>]) -> QueryResult<usize> {
    diesel::sql_query(
        "INSERT INTO transactions (id, kind, entry_count, receipt, effective_at, recorded_at) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6)",
    )
    .bind::<Array<Binary>, _>(column!(rows, id))
    .bind::<Array<Text>, _>(column!(rows, kind))
    .bind::<Array<BigInt>, _>(column!(rows, entry_count))
    .bind::<Array<Text>, _>(column!(rows, receipt))
    .bind::<Array<Timestamp>, _>(column!(rows, effective_at))
    .bind::<Array<Timestamp>, _>(column!(rows, recorded_at))
    .execute(db)
}

fn insert_entry_arrays(db: &mut PgConnection, rows: &[EntryRow]) -> QueryResult<usize> {
    let rules: Vec<&str> = rows.iter().map(|row| row.rule.as_str()).collect();
    diesel::sql_query(
        "INSERT INTO entries (transaction_id, seq, account_id, lot_id, asset, amount, rule, \
         effective_at, recorded_at) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<Array<Binary>, _>(column!(rows, transaction_id))
    .bind::<Array<BigInt>, _>(column!(rows, seq))
    .bind::<Array<Binary>, _>(column!(rows, account_id))
    .bind::<Array<Nullable<Binary>>, _>(column!(rows, lot_id))
    .bind::<Array<Text>, _>(column!(rows, asset))
    .bind::<Array<BigInt>, _>(column!(rows, amount))
    .bind::<Array<Text>, _>(rules)
    .bind::<Array<Timestamp>, _>(column!(rows, effective_at))
    .bind::<Array<Timestamp>, _>(column!(rows, recorded_at))
    .execute(db)
}

fn row<'a>(new: &'a NewTransaction<'a>) -> Row<'a> {
    Row {
        id: new.transaction.id_bytes(),
        kind: new.kind.name(),
        entry_count: i64::try_from(new.transaction.postings().len()).unwrap_or(i64::MAX),
        receipt: new.receipt,
        effective_at: new.effective_at.into(),
        recorded_at: new.recorded_at.into(),
    }
}

fn entry_rows(new: &NewTransaction<'_>) -> impl Iterator<Item = EntryRow> {
    (0..).zip(new.transaction.postings()).map(|(seq, posting)| EntryRow {
        transaction_id: *new.transaction.id_bytes(),
        seq,
        account_id: *posting.account_id.bytes(),
        lot_id: posting.lot.map(|lot| *lot.bytes()),
        asset: posting.account.asset.code(),
        amount: posting.amount.minor(),
        rule: posting.rule.as_str().to_owned(),
        effective_at: new.effective_at.into(),
        recorded_at: new.recorded_at.into(),
    })
}

/// What stands of these payments: what they brought, and what refunds have taken back by now.
/// Ids that are not payments are left out. The customers must be locked first, or a refund on
/// another gateway could be missed: [`payers`] says who they are.
pub fn payments(
    tx: &mut LedgerTx<'_>,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, PaymentStanding>, StoreError> {
    let mut standings = load_payments(tx, keys)?;
    let refunds = load_refunds(tx, keys)?;
    let wanted: Vec<EventKey> = standings.keys().chain(refunds.keys()).copied().collect();
    for (event, posting) in load_entries(tx, &wanted)? {
        if let Some(payment) = standings.get_mut(&event) {
            payment.posted.push(posting);
        } else if let Some((payment, _refunded)) = refunds.get(&event)
            && let Some(payment) = standings.get_mut(payment)
        {
            payment.taken_back.push((posting.account, posting.amount));
        }
    }
    for (event, parts) in lines_of(tx, &wanted)? {
        if let Some(payment) = standings.get_mut(&event) {
            payment.lines.extend(parts);
        } else if let Some((payment, _refunded)) = refunds.get(&event)
            && let Some(payment) = standings.get_mut(payment)
        {
            payment.lines_refunded.extend(parts);
        }
    }
    for (event, counted) in counters::of_events(tx.0, &wanted)? {
        if let Some(payment) = standings.get_mut(&event) {
            payment.counted.extend(counted);
        } else if let Some((payment, _refunded)) = refunds.get(&event)
            && let Some(payment) = standings.get_mut(payment)
        {
            payment.uncounted.extend(counted);
        }
    }
    // Nothing is left to refund of a payment that was reversed.
    for payment in corrections::reversed(tx.db(), keys)? {
        if let Some(payment) = standings.get_mut(&payment) {
            payment.refunded = payment.paid;
        }
    }
    for (payment, refunded) in refunds.values() {
        if let Some(payment) = standings.get_mut(payment) {
            payment.refunds = payment.refunds.saturating_add(1);
            payment.refunded =
                payment.refunded.checked_add(*refunded).map_err(|_range| StoreError::OutOfRange)?;
        }
    }
    Ok(standings)
}

/// The lines of these events. Those of a payment that was held brought nothing: once it is released, what
/// they brought then counts.
fn lines_of(
    tx: &mut LedgerTx<'_>,
    of_events: &[EventKey],
) -> Result<HashMap<EventKey, Vec<LinePart>>, StoreError> {
    let mut found = lines::of_events(tx.0, of_events)?;
    let released: HashMap<EventKey, EventKey> = held_events::releases(tx.0, of_events)?
        .into_keys()
        .map(|event| (EventKey::of_release(event), event))
        .collect();
    if !released.is_empty() {
        let keys: Vec<EventKey> = released.keys().copied().collect();
        for (key, parts) in lines::of_events(tx.0, &keys)? {
            found.extend(released.get(&key).map(|event| (*event, parts)));
        }
    }
    Ok(found)
}

/// The customers who made these payments.
pub fn payers(tx: &mut LedgerTx<'_>, keys: &[EventKey]) -> Result<Vec<CustomerId>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<Option<Vec<u8>>> = both!(tx.0, db => events::table
        .filter(events::id.eq_any(&keys))
        .filter(events::kind.eq(Payment::TYPE))
        .select(events::customer_id)
        .load(db))?;
    rows.iter()
        .flatten()
        .map(|id| types::uuid(id, "events.customer_id").map(CustomerId::from_uuid))
        .collect()
}

type PaymentRow = (Vec<u8>, Option<Vec<u8>>, String, i64, chrono::NaiveDateTime);

fn load_payments(
    tx: &mut LedgerTx<'_>,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, PaymentStanding>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<PaymentRow> = both!(tx.0, db => events::table
        .filter(events::id.eq_any(&keys))
        .filter(events::kind.eq(Payment::TYPE))
        .select((
            events::id,
            events::customer_id,
            events::asset,
            events::amount,
            events::effective_at,
        ))
        .load(db))?;
    let mut standings = HashMap::with_capacity(rows.len());
    for (id, customer, asset, paid, effective_at) in rows {
        let customer = customer.ok_or(StoreError::Corrupt("events.customer_id"))?;
        let asset = types::asset(&asset)?;
        let standing = PaymentStanding {
            customer: CustomerId::from_uuid(types::uuid(&customer, "events.customer_id")?),
            effective_at: types::moment(effective_at),
            paid: Amount::from_minor(paid, asset),
            refunded: Amount::zero(asset),
            refunds: 0,
            posted: Vec::new(),
            taken_back: Vec::new(),
            lines: Vec::new(),
            lines_refunded: Vec::new(),
            counted: Vec::new(),
            uncounted: Vec::new(),
        };
        standings.insert(EventKey::from_bytes(types::bytes16(&id, "events.id")?), standing);
    }
    Ok(standings)
}

type RefundRow = (Vec<u8>, Option<Vec<u8>>, String, i64);

fn load_refunds(
    tx: &mut LedgerTx<'_>,
    payments: &[EventKey],
) -> Result<HashMap<EventKey, (EventKey, Amount)>, StoreError> {
    let keys: Vec<&[u8]> = payments.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<RefundRow> = both!(tx.0, db => events::table
        .filter(events::refers_to.eq_any(&keys))
        .filter(events::kind.eq(Refund::TYPE))
        .select((events::id, events::refers_to, events::asset, events::amount))
        .load(db))?;
    rows.into_iter()
        .map(|(id, payment, asset, amount)| {
            let payment = payment.unwrap_or_default();
            let payment = EventKey::from_bytes(types::bytes16(&payment, "events.refers_to")?);
            let amount = Amount::from_minor(amount, types::asset(&asset)?);
            Ok((EventKey::from_bytes(types::bytes16(&id, "events.id")?), (payment, amount)))
        })
        .collect()
}

type EntryOfEvent = (Vec<u8>, String, String, String, String, i64, String, Option<Vec<u8>>);

/// The entries of these events, in the order in which they were posted.
fn load_entries(
    tx: &mut LedgerTx<'_>,
    of_events: &[EventKey],
) -> Result<Vec<(EventKey, Posting)>, StoreError> {
    let keys: Vec<&[u8]> = of_events.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<EntryOfEvent> = both!(tx.0, db => entries::table
        .inner_join(events::table.on(events::transaction_id.eq(entries::transaction_id)))
        .inner_join(accounts::table)
        .filter(events::id.eq_any(&keys))
        .select((
            events::id,
            accounts::code,
            accounts::owner_kind,
            accounts::owner,
            accounts::asset,
            entries::amount,
            entries::rule,
            entries::lot_id,
        ))
        .order((entries::transaction_id, entries::seq))
        .load(db))?;
    // And what came of those that were held, when staff released them.
    let later: Vec<EntryOfEvent> = both!(tx.0, db => entries::table
        .inner_join(released_events::table
            .on(released_events::transaction_id.eq(entries::transaction_id)))
        .inner_join(accounts::table)
        .filter(released_events::event_id.eq_any(&keys))
        .select((
            released_events::event_id,
            accounts::code,
            accounts::owner_kind,
            accounts::owner,
            accounts::asset,
            entries::amount,
            entries::rule,
            entries::lot_id,
        ))
        .order((entries::transaction_id, entries::seq))
        .load(db))?;
    rows.into_iter()
        .chain(later)
        .map(|(event, code, kind, owner, asset, amount, rule, lot)| {
            let account = types::account(&code, &kind, &owner, &asset)?;
            let amount = Amount::from_minor(amount, account.asset);
            let key = EventKey::from_bytes(types::bytes16(&event, "events.id")?);
            let lot = lot.map(|lot| types::uuid(&lot, "entries.lot_id").map(LotId::from_uuid));
            let posting = Posting::new(account, amount, &RuleVersion::built_in(&rule));
            Ok((key, Posting { lot: lot.transpose()?, ..posting }))
        })
        .collect()
}

/// A recorded transaction that staff want to reverse.
pub struct ToReverse {
    pub original: OriginalTransaction,
    /// The event that it came from, if it came from one.
    pub event: Option<EventKey>,
}

/// A transaction with all that a reversal needs. `None`: no transaction has that id. Lock the
/// customer first, or a refund on another gateway could be missed.
pub fn original(tx: &mut LedgerTx<'_>, id: TransactionId) -> Result<Option<ToReverse>, StoreError> {
    let row: Option<(String, String)> = transactions::table
        .filter(transactions::id.eq(id.bytes().as_slice()))
        .select((transactions::kind, transactions::receipt))
        .first(tx.0)
        .optional()?;
    let Some((kind, receipt)) = row else { return Ok(None) };
    let kind = TransactionKind::by_name(&kind).ok_or(StoreError::Corrupt("transactions.kind"))?;
    let rows: Vec<EntryOfTransaction> = entries::table
        .inner_join(accounts::table)
        .filter(entries::transaction_id.eq(id.bytes().as_slice()))
        .order(entries::seq)
        .select((
            accounts::code,
            accounts::owner_kind,
            accounts::owner,
            accounts::asset,
            entries::amount,
            entries::rule,
            entries::lot_id,
        ))
        .load(tx.0)?;
    let posting = |(code, kind, owner, asset, amount, rule, lot): EntryOfTransaction| {
        let account = types::account(&code, &kind, &owner, &asset)?;
        let amount = Amount::from_minor(amount, account.asset);
        let lot = lot.map(|lot| types::uuid(&lot, "entries.lot_id").map(LotId::from_uuid));
        let posting = Posting::new(account, amount, &RuleVersion::built_in(&rule));
        Ok(Posting { lot: lot.transpose()?, ..posting })
    };
    let postings: Result<Vec<Posting>, StoreError> = rows.into_iter().map(posting).collect();
    let event = seals::event_of_receipt(&receipt);
    let mut counted = counters::of_events(tx.0, event.as_slice())?;
    let counted = event.and_then(|event| counted.remove(&event)).unwrap_or_default();
    let payment = payments(tx, event.as_slice())?.into_values().next();
    let refunded = payment.is_some_and(|payment| !payment.refunded.is_zero());
    let original = OriginalTransaction { id, kind, postings: postings?, refunded, counted };
    Ok(Some(ToReverse { original, event }))
}

type EntryOfTransaction = (String, String, String, String, i64, String, Option<Vec<u8>>);

type HistoryRow =
    (Vec<u8>, i64, String, i64, String, String, chrono::NaiveDateTime, chrono::NaiveDateTime);

/// The latest entries on an account, newest first, after the place where the page before ended.
pub fn history(
    db: &mut Db,
    account: &Account,
    after: Option<EntryPlace>,
    lines_max: i64,
) -> Result<Vec<HistoryLine>, StoreError> {
    let id: AccountId = account.id();
    // No transaction id is greater than all ones, so that one query serves the first page too.
    let (transaction, seq) =
        after.map_or(([0xff; 16], 0), |place| (*place.transaction.bytes(), place.seq));
    let later_in_same =
        entries::transaction_id.eq(transaction.as_slice()).and(entries::seq.gt(seq));
    let rows: Vec<HistoryRow> = entries::table
        .inner_join(transactions::table)
        .filter(entries::account_id.eq(id.bytes().as_slice()))
        .filter(entries::transaction_id.lt(transaction.as_slice()).or(later_in_same))
        .order((entries::transaction_id.desc(), entries::seq))
        .limit(lines_max)
        .select((
            entries::transaction_id,
            entries::seq,
            transactions::kind,
            entries::amount,
            entries::rule,
            transactions::receipt,
            entries::effective_at,
            entries::recorded_at,
        ))
        .load(db)?;
    rows.into_iter()
        .map(|(transaction, seq, kind, amount, rule, receipt, effective_at, recorded_at)| {
            let id = types::uuid(&transaction, "entries.transaction_id")?;
            Ok(HistoryLine {
                place: EntryPlace { transaction: TransactionId::from_uuid(id), seq },
                kind,
                amount: Amount::from_minor(amount, account.asset),
                rule,
                receipt,
                effective_at: types::moment(effective_at),
                recorded_at: types::moment(recorded_at),
            })
        })
        .collect()
}
