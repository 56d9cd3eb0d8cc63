//! The chain of seals, and transactions as they are sealed: appended, never changed.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary};
use serde::Deserialize;

use crate::ids::{EventId, EventKey, PartnerId};
use crate::ledger::chain::{Block, Hash};
use crate::ledger::leaf::{Recorded, RecordedEntry, RecordedEvent, RecordedLot};
use crate::store::schema::{blocks, entries, events, lots, seals, transactions};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A block as it is kept: with the hash that it was given, and its signed head.
pub struct StoredBlock {
    pub block: Block,
    pub hash: Hash,
    pub head: String,
}

/// The seal of a transaction. The id is kept as bytes, because somebody may have changed it.
pub struct Seal {
    pub transaction: Vec<u8>,
    pub block: i64,
    pub leaf_index: i64,
    pub leaf: Hash,
}

type BlockRow = (i64, i64, i64, Vec<u8>, Vec<u8>, Vec<u8>, String, NaiveDateTime);

/// Locks the chain until the transaction ends, so that one gateway at a time adds to it. SQLite has
/// one writer.
pub fn lock(tx: &mut LedgerTx<'_>) -> Result<(), StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        diesel::sql_query("SELECT pg_advisory_xact_lock(7310295)").execute(db)?;
    }
    Ok(())
}

/// The last block.
pub fn last_block(db: &mut Db) -> Result<Option<StoredBlock>, StoreError> {
    let row: Option<BlockRow> =
        blocks::table.order(blocks::position.desc()).first(db).optional()?;
    row.map(stored_block).transpose()
}

/// Whether that block is still the last one. Take the [`lock`] first.
pub fn is_last(tx: &mut LedgerTx<'_>, position: Option<i64>) -> Result<bool, StoreError> {
    let last: Option<i64> = blocks::table
        .order(blocks::position.desc())
        .select(blocks::position)
        .first(tx.0)
        .optional()?;
    Ok(last == position)
}

pub fn block(db: &mut Db, position: i64) -> Result<Option<StoredBlock>, StoreError> {
    let row: Option<BlockRow> =
        blocks::table.filter(blocks::position.eq(position)).first(db).optional()?;
    row.map(stored_block).transpose()
}

/// The next blocks from a position on, in order.
pub fn blocks_from(
    db: &mut Db,
    position: i64,
    rows_max: i64,
) -> Result<Vec<StoredBlock>, StoreError> {
    let rows: Vec<BlockRow> = blocks::table
        .filter(blocks::position.ge(position))
        .order(blocks::position)
        .limit(rows_max)
        .load(db)?;
    rows.into_iter().map(stored_block).collect()
}

fn stored_block(row: BlockRow) -> Result<StoredBlock, StoreError> {
    let (position, leaves, total, root, previous, hash, head, sealed_at) = row;
    let block = Block {
        position,
        leaves,
        total,
        root: hash_of(&root, "blocks.root")?,
        previous: hash_of(&previous, "blocks.previous")?,
        sealed_at: types::moment(sealed_at),
    };
    Ok(StoredBlock { block, hash: hash_of(&hash, "blocks.hash")?, head })
}

fn hash_of(bytes: &[u8], column: &'static str) -> Result<Hash, StoreError> {
    bytes.try_into().map(Hash).map_err(|_length| StoreError::Corrupt(column))
}

/// Up to `rows_max` seals of a block, by leaf number.
pub fn of_block(db: &mut Db, position: i64, rows_max: i64) -> Result<Vec<Seal>, StoreError> {
    let rows: Vec<(Vec<u8>, i64, i64, Vec<u8>)> = seals::table
        .filter(seals::block.eq(position))
        .order(seals::leaf_index)
        .limit(rows_max)
        .load(db)?;
    rows.into_iter().map(seal).collect()
}

/// Whether the transaction of an event is sealed.
pub enum SealOfEvent {
    NoSuchEvent,
    NotSealedYet,
    Sealed(Seal),
}

/// Reads the seal of an event's transaction.
pub fn of_event(db: &mut Db, key: EventKey) -> Result<SealOfEvent, StoreError> {
    let id: Option<Vec<u8>> = events::table
        .filter(events::id.eq(key.bytes().as_slice()))
        .select(events::transaction_id)
        .first(db)
        .optional()?;
    let Some(id) = id else { return Ok(SealOfEvent::NoSuchEvent) };
    let row: Option<(Vec<u8>, i64, i64, Vec<u8>)> =
        seals::table.filter(seals::transaction_id.eq(id)).first(db).optional()?;
    match row {
        Some(row) => Ok(SealOfEvent::Sealed(seal(row)?)),
        None => Ok(SealOfEvent::NotSealedYet),
    }
}

/// The columns of `seals`, in their order.
type SealRow = (Vec<u8>, i64, i64, Vec<u8>);

fn seal(row: SealRow) -> Result<Seal, StoreError> {
    let (transaction, block, leaf_index, leaf) = row;
    Ok(Seal { transaction, block, leaf_index, leaf: hash_of(&leaf, "seals.leaf")? })
}

/// The greatest id of a transaction that is sealed.
pub fn newest(db: &mut Db) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(seals::table
        .order(seals::transaction_id.desc())
        .select(seals::transaction_id)
        .first(db)
        .optional()?)
}

/// A stretch of the transactions, by id.
pub struct Stretch {
    /// Those that are not sealed, in their order.
    pub unsealed: Vec<Vec<u8>>,
    /// Where the next stretch begins; `None` when there is none.
    pub last: Option<Vec<u8>>,
}

/// Transactions that are looked at in one statement, so that none takes long.
const STRETCH_MAX: i64 = 10_000;

/// Reads up to 10,000 transactions after an id and returns those without a seal.
pub fn unsealed(db: &mut Db, after: &[u8]) -> Result<Stretch, StoreError> {
    let rows: Vec<(Vec<u8>, Option<i64>)> = both!(db, connection => transactions::table
        .left_join(seals::table)
        .filter(transactions::id.gt(after))
        .order(transactions::id)
        .limit(STRETCH_MAX)
        .select((transactions::id, seals::block.nullable()))
        .load(connection))?;
    let last = rows.last().map(|(id, _block)| id.clone());
    let unsealed = rows.into_iter().filter(|(_id, block)| block.is_none());
    Ok(Stretch { unsealed: unsealed.map(|(id, _none)| id).collect(), last })
}

/// Appends a block with its seals.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    stored: &StoredBlock,
    list: &[Seal],
) -> Result<(), StoreError> {
    let StoredBlock { block, hash, head } = stored;
    both!(tx.0, db => diesel::insert_into(blocks::table)
        .values((
            blocks::position.eq(block.position),
            blocks::leaves.eq(block.leaves),
            blocks::total.eq(block.total),
            blocks::root.eq(block.root.0.as_slice()),
            blocks::previous.eq(block.previous.0.as_slice()),
            blocks::hash.eq(hash.0.as_slice()),
            blocks::head.eq(head),
            blocks::sealed_at.eq(block.sealed_at.naive()),
        ))
        .execute(db))?;
    match &mut *tx.0 {
        Db::Postgres(db) => {
            insert_arrays(db, list)?;
        }
        Db::Sqlite(db) => {
            for seal in list {
                diesel::insert_into(seals::table)
                    .values((
                        seals::transaction_id.eq(&seal.transaction),
                        seals::block.eq(seal.block),
                        seals::leaf_index.eq(seal.leaf_index),
                        seals::leaf.eq(seal.leaf.0.as_slice()),
                    ))
                    .execute(db)?;
            }
        }
    }
    Ok(())
}

/// An array a column, as in [`crate::store::events::insert`].
fn insert_arrays(db: &mut PgConnection, list: &[Seal]) -> QueryResult<usize> {
    let ids: Vec<&[u8]> = list.iter().map(|seal| seal.transaction.as_slice()).collect();
    let leaves: Vec<&[u8]> = list.iter().map(|seal| seal.leaf.0.as_slice()).collect();
    diesel::sql_query(
        "INSERT INTO seals (transaction_id, block, leaf_index, leaf) \
         SELECT * FROM unnest($1, $2, $3, $4)",
    )
    .bind::<Array<Binary>, _>(ids)
    .bind::<Array<BigInt>, _>(list.iter().map(|seal| seal.block).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(list.iter().map(|seal| seal.leaf_index).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(leaves)
    .execute(db)
}

type TransactionRow = (Vec<u8>, String, i64, String, NaiveDateTime, NaiveDateTime);

/// These transactions with their entries and events; those that are not there are left out.
pub fn recorded(db: &mut Db, ids: &[&[u8]]) -> Result<HashMap<Vec<u8>, Recorded>, StoreError> {
    let rows: Vec<TransactionRow> = both!(db, connection => transactions::table
        .filter(transactions::id.eq_any(ids))
        .select((
            transactions::id,
            transactions::kind,
            transactions::entry_count,
            transactions::receipt,
            transactions::effective_at,
            transactions::recorded_at,
        ))
        .load(connection))?;
    let mut entries = recorded_entries(db, ids)?;
    let mut lots = recorded_lots(db, &entries)?;
    let keys: HashMap<Vec<u8>, EventKey> =
        rows.iter().filter_map(|row| Some((row.0.clone(), event_of_receipt(&row.3)?))).collect();
    let mut events = recorded_events(db, &keys.values().copied().collect::<Vec<_>>())?;
    let whole = |row: TransactionRow| {
        let (id, kind, entry_count, receipt, effective_at, recorded_at) = row;
        let entries = entries.remove(&id).unwrap_or_default();
        let lots = lots.remove(&id).unwrap_or_default();
        let event = keys.get(&id).and_then(|key| events.remove(key.bytes().as_slice()));
        let recorded = Recorded {
            id: id.clone(),
            kind,
            entry_count,
            receipt,
            effective_at,
            recorded_at,
            entries,
            lots,
            event,
        };
        (id, recorded)
    };
    Ok(rows.into_iter().map(whole).collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = entries)]
struct EntryRow {
    transaction_id: Vec<u8>,
    seq: i64,
    account_id: Vec<u8>,
    lot_id: Option<Vec<u8>>,
    asset: String,
    amount: i64,
    rule: String,
    effective_at: NaiveDateTime,
    recorded_at: NaiveDateTime,
}

fn recorded_entries(
    db: &mut Db,
    ids: &[&[u8]],
) -> Result<HashMap<Vec<u8>, Vec<RecordedEntry>>, StoreError> {
    let rows: Vec<EntryRow> = both!(db, connection => entries::table
        .filter(entries::transaction_id.eq_any(ids))
        .order((entries::transaction_id, entries::seq))
        .select(EntryRow::as_select())
        .load(connection))?;
    let mut by_transaction: HashMap<Vec<u8>, Vec<RecordedEntry>> = HashMap::new();
    for row in rows {
        let entry = RecordedEntry {
            seq: row.seq,
            account_id: row.account_id,
            lot_id: row.lot_id,
            asset: row.asset,
            amount: row.amount,
            rule: row.rule,
            effective_at: row.effective_at,
            recorded_at: row.recorded_at,
        };
        by_transaction.entry(row.transaction_id).or_default().push(entry);
    }
    Ok(by_transaction)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = lots)]
struct LotRow {
    id: Vec<u8>,
    customer_id: Vec<u8>,
    partner_id: String,
    rule: String,
    transaction_id: Vec<u8>,
    issued: i64,
    by_partner: i64,
    unit_cost: String,
    matures_at: Option<NaiveDateTime>,
    expires_at: Option<NaiveDateTime>,
    effective_at: NaiveDateTime,
    recorded_at: NaiveDateTime,
}

/// The lots that the entries name, each with the transaction that opened it.
fn recorded_lots(
    db: &mut Db,
    entries: &HashMap<Vec<u8>, Vec<RecordedEntry>>,
) -> Result<HashMap<Vec<u8>, Vec<RecordedLot>>, StoreError> {
    let named = entries.values().flatten().filter_map(|entry| entry.lot_id.as_deref());
    let named: Vec<&[u8]> = named.collect::<BTreeSet<_>>().into_iter().collect();
    let mut by_transaction: HashMap<Vec<u8>, Vec<RecordedLot>> = HashMap::new();
    for part in named.chunks(crate::store::rows_max(1)) {
        let rows: Vec<LotRow> = both!(db, connection => lots::table
            .filter(lots::id.eq_any(part))
            .order(lots::id)
            .select(LotRow::as_select())
            .load(connection))?;
        for row in rows {
            let lot = RecordedLot {
                id: row.id,
                customer_id: row.customer_id,
                partner_id: row.partner_id,
                rule: row.rule,
                issued: row.issued,
                by_partner: row.by_partner,
                unit_cost: row.unit_cost,
                matures_at: row.matures_at,
                expires_at: row.expires_at,
                effective_at: row.effective_at,
                recorded_at: row.recorded_at,
            };
            by_transaction.entry(row.transaction_id).or_default().push(lot);
        }
    }
    Ok(by_transaction)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    id: Vec<u8>,
    partner_id: String,
    event_id: String,
    kind: String,
    fingerprint: Vec<u8>,
    body: String,
    transaction_id: Vec<u8>,
    customer_id: Option<Vec<u8>>,
    refers_to: Option<Vec<u8>>,
    asset: String,
    amount: i64,
    effective_at: NaiveDateTime,
    recorded_at: NaiveDateTime,
}

fn recorded_events(
    db: &mut Db,
    keys: &[EventKey],
) -> Result<HashMap<Vec<u8>, RecordedEvent>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<EventRow> = both!(db, connection => events::table
        .filter(events::id.eq_any(&keys))
        .select(EventRow::as_select())
        .load(connection))?;
    let whole = |row: EventRow| {
        let event = RecordedEvent {
            id: row.id.clone(),
            partner_id: row.partner_id,
            event_id: row.event_id,
            kind: row.kind,
            fingerprint: row.fingerprint,
            body: row.body,
            transaction_id: row.transaction_id,
            customer_id: row.customer_id,
            refers_to: row.refers_to,
            asset: row.asset,
            amount: row.amount,
            effective_at: row.effective_at,
            recorded_at: row.recorded_at,
        };
        (row.id, event)
    };
    Ok(rows.into_iter().map(whole).collect())
}

/// Events name their transaction and have no index by it; the way back is the receipt, which names
/// the event. `None` for a transaction that is nobody's event.
#[must_use]
pub fn event_of_receipt(receipt: &str) -> Option<EventKey> {
    #[derive(Deserialize)]
    struct Named {
        partner: PartnerId,
        event: EventId,
    }
    let named: Named = serde_json::from_str(receipt).ok()?;
    Some(EventKey::of(&named.partner, &named.event))
}

/// An event that nothing stands for, as its partner and its own id.
pub struct Stray {
    pub partner: String,
    pub event: String,
}

/// Among the next events after `after`, those whose transaction's receipt does not name them, and
/// the key with which to go on; `None` after the last.
pub fn strays(
    db: &mut Db,
    after: &[u8],
    rows_max: i64,
) -> Result<(Vec<Stray>, Option<Vec<u8>>), StoreError> {
    let rows: Vec<(Vec<u8>, String, String, Option<String>)> = both!(db, connection => events::table
        .left_join(transactions::table)
        .filter(events::id.gt(after))
        .order(events::id)
        .limit(rows_max)
        .select((
            events::id,
            events::partner_id,
            events::event_id,
            transactions::receipt.nullable(),
        ))
        .load(connection))?;
    let last = rows.last().map(|(id, ..)| id.clone());
    let strays = rows.into_iter().filter_map(|(id, partner, event, receipt)| {
        let named = receipt.as_deref().and_then(event_of_receipt);
        let is_named = named.is_some_and(|key| key.bytes().as_slice() == id);
        (!is_named).then_some(Stray { partner, event })
    });
    Ok((strays.collect(), last))
}
