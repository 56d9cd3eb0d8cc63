//! The history of an account as its customer reads it: one line for each transaction, whatever the
//! number of lots that it touched. A hold of points and its commitment are one line.

use std::collections::HashMap;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde::Deserialize;

use super::transactions::{EntryPlace, HistoryLine};
use crate::clock::Moment;
use crate::event::{Commit, Hold};
use crate::ids::{EventId, EventKey, PartnerId, TransactionId};
use crate::ledger::{Account, TransactionKind};
use crate::money::Amount;
use crate::store::schema::{entries, events, transactions};
use crate::store::{Db, StoreError, types};

/// The commitment of a hold.
struct Committed {
    transaction: TransactionId,
    receipt: String,
    effective_at: Moment,
    recorded_at: Moment,
}

type Stored =
    (Vec<u8>, i64, String, i64, String, String, chrono::NaiveDateTime, chrono::NaiveDateTime);

/// Which lines are read.
#[derive(Clone, Copy)]
pub struct HistoryOf<'a> {
    /// After the place where the page before ended.
    pub after: Option<EntryPlace>,
    /// Kinds of their transactions; `None`: all kinds. A commitment stands in the line of its hold.
    pub kinds: Option<&'a [TransactionKind]>,
    pub lines_max: i64,
}

/// The newest lines of an account.
pub fn own_history(
    db: &mut Db,
    account: &Account,
    of: HistoryOf<'_>,
) -> Result<Vec<HistoryLine>, StoreError> {
    let mut lines = read(db, account, of)?;
    let holds: Vec<EventKey> = lines.iter().filter_map(hold_of).collect();
    let mut commitments = commitments(db, &holds)?;
    let own = lines.iter().map(|line| line.place.transaction);
    let touched: Vec<TransactionId> =
        own.chain(commitments.values().map(|committed| committed.transaction)).collect();
    let sums = sums(db, account, &touched)?;
    let sum = |id: TransactionId| sums.get(&id).copied().unwrap_or(0);
    for line in &mut lines {
        let mut amount = sum(line.place.transaction);
        if let Some(committed) = hold_of(line).and_then(|hold| commitments.remove(&hold)) {
            amount = amount.saturating_add(sum(committed.transaction));
            Commit::TYPE.clone_into(&mut line.kind);
            line.receipt = committed.receipt;
            line.effective_at = committed.effective_at;
            line.recorded_at = committed.recorded_at;
        }
        line.amount = Amount::from_minor(amount, account.asset);
    }
    Ok(lines)
}

/// The event of a hold, as the receipt of its line names it.
fn hold_of(line: &HistoryLine) -> Option<EventKey> {
    #[derive(Deserialize)]
    struct OfEvent {
        partner: PartnerId,
        event: EventId,
    }
    if line.kind != Hold::TYPE {
        return None;
    }
    let of: OfEvent = serde_json::from_str(&line.receipt).ok()?;
    Some(EventKey::of(&of.partner, &of.event))
}

/// The first entry of each transaction but of commitments, for which the line of their hold stands. So
/// a receipt, which names every lot, is read once.
fn read(db: &mut Db, account: &Account, of: HistoryOf<'_>) -> Result<Vec<HistoryLine>, StoreError> {
    let HistoryOf { after, kinds, lines_max } = of;
    let names: Vec<&str> = kinds.unwrap_or_default().iter().map(|kind| kind.name()).collect();
    let id = account.id();
    // No transaction id is greater than all ones, so one query serves the first page too.
    let (transaction, seq) =
        after.map_or(([0xff; 16], 0), |place| (*place.transaction.bytes(), place.seq));
    let later_in_same =
        entries::transaction_id.eq(transaction.as_slice()).and(entries::seq.gt(seq));
    let earlier = diesel::alias!(entries as earlier);
    let is_first = not(exists(
        earlier
            .filter(earlier.field(entries::transaction_id).eq(entries::transaction_id))
            .filter(earlier.field(entries::account_id).eq(entries::account_id))
            .filter(earlier.field(entries::seq).lt(entries::seq)),
    ));
    let rows: Vec<Stored> = entries::table
        .inner_join(transactions::table)
        .filter(entries::account_id.eq(id.bytes().as_slice()))
        .filter(entries::transaction_id.lt(transaction.as_slice()).or(later_in_same))
        .filter(transactions::kind.ne(Commit::TYPE))
        .filter(transactions::kind.eq_any(names).or(kinds.is_none().into_sql::<Bool>()))
        .filter(is_first)
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
            let place = EntryPlace { transaction: id_of(&transaction)?, seq };
            Ok(HistoryLine {
                place,
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

/// The commitments of these holds, of those that are committed.
fn commitments(
    db: &mut Db,
    holds: &[EventKey],
) -> Result<HashMap<EventKey, Committed>, StoreError> {
    type Row = (Option<Vec<u8>>, Vec<u8>, String, chrono::NaiveDateTime, chrono::NaiveDateTime);
    let mut found = HashMap::new();
    for part in holds.chunks(500) {
        let keys: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let rows: Vec<Row> = both!(db, db => events::table
            .inner_join(transactions::table)
            .filter(events::refers_to.eq_any(&keys))
            .filter(events::kind.eq(Commit::TYPE))
            .select((
                events::refers_to,
                transactions::id,
                transactions::receipt,
                transactions::effective_at,
                transactions::recorded_at,
            ))
            .load(db))?;
        for (hold, transaction, receipt, effective_at, recorded_at) in rows {
            let hold = hold.ok_or(StoreError::Corrupt("events.refers_to"))?;
            let committed = Committed {
                transaction: id_of(&transaction)?,
                receipt,
                effective_at: types::moment(effective_at),
                recorded_at: types::moment(recorded_at),
            };
            found.insert(
                EventKey::from_bytes(types::bytes16(&hold, "events.refers_to")?),
                committed,
            );
        }
    }
    Ok(found)
}

/// By how much each of these transactions changed the account.
fn sums(
    db: &mut Db,
    account: &Account,
    list: &[TransactionId],
) -> Result<HashMap<TransactionId, i64>, StoreError> {
    let account = account.id();
    let mut sums = HashMap::new();
    for part in list.chunks(500) {
        let ids: Vec<&[u8]> = part.iter().map(|id| id.bytes().as_slice()).collect();
        let rows: Vec<(Vec<u8>, i64)> = both!(db, db => entries::table
            .filter(entries::account_id.eq(account.bytes().as_slice()))
            .filter(entries::transaction_id.eq_any(&ids))
            .select((entries::transaction_id, entries::amount))
            .load(db))?;
        for (transaction, amount) in rows {
            let sum: &mut i64 = sums.entry(id_of(&transaction)?).or_default();
            *sum = sum.saturating_add(amount);
        }
    }
    Ok(sums)
}

fn id_of(bytes: &[u8]) -> Result<TransactionId, StoreError> {
    types::uuid(bytes, "entries.transaction_id").map(TransactionId::from_uuid)
}
