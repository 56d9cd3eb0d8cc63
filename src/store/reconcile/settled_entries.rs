//! Entries on partners' accounts as settlements have them, and the settlement that an entry stands in.

use std::collections::HashMap;

use diesel::prelude::*;
use serde::Deserialize;

use super::period;
use crate::clock::Moment;
use crate::ids::{AccountId, EventId, EventKey, PartnerId, TransactionId};
use crate::ledger::{Account, TransactionKind};
use crate::money::Amount;
use crate::reconcile::period::Period;
use crate::store::schema::{
    accounts, duplicates as duplicate_ids, entries, events, settlements, transactions,
};
use crate::store::{Db, StoreError, types};

/// An entry on an account of a partner.
pub struct AccountEntry {
    pub transaction: TransactionId,
    pub seq: i64,
    pub kind: TransactionKind,
    pub minor: i64,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// Which transactions are looked at.
#[derive(Clone, Copy)]
pub struct EntryRange {
    pub first: Option<TransactionId>,
    /// The first that is no longer looked at.
    pub end: TransactionId,
    /// What happened at that time or later is left out.
    pub until: Moment,
}

/// Entries of an account, by transaction and place, after the last one of the page before.
pub fn page(
    db: &mut Db,
    account: AccountId,
    range: EntryRange,
    after: Option<(TransactionId, i64)>,
    rows_max: i64,
) -> Result<Vec<AccountEntry>, StoreError> {
    type Found = (Vec<u8>, i64, String, i64, chrono::NaiveDateTime, chrono::NaiveDateTime);
    let after = after.or(range.first.map(|first| (first, -1)));
    let (id, seq) = after.map_or((Vec::new(), -1), |(id, seq)| (id.bytes().to_vec(), seq));
    let rows: Vec<Found> = entries::table
        .inner_join(transactions::table.on(transactions::id.eq(entries::transaction_id)))
        .filter(entries::account_id.eq(account.bytes().as_slice()))
        .filter(entries::transaction_id.ge(id.clone()))
        .filter(entries::transaction_id.gt(id).or(entries::seq.gt(seq)))
        .filter(entries::transaction_id.lt(range.end.bytes().as_slice()))
        .filter(entries::effective_at.lt(range.until.naive()))
        .order((entries::transaction_id, entries::seq))
        .limit(rows_max)
        .select((
            entries::transaction_id,
            entries::seq,
            transactions::kind,
            entries::amount,
            entries::effective_at,
            entries::recorded_at,
        ))
        .load(db)?;
    rows.into_iter()
        .map(|(id, seq, kind, minor, effective_at, recorded_at)| {
            let kind = TransactionKind::by_name(&kind);
            Ok(AccountEntry {
                transaction: TransactionId::from_uuid(types::uuid(&id, "entries.transaction_id")?),
                seq,
                kind: kind.ok_or(StoreError::Corrupt("transactions.kind"))?,
                minor,
                effective_at: types::moment(effective_at),
                recorded_at: types::moment(recorded_at),
            })
        })
        .collect()
}

/// What a receipt says of its event.
#[derive(Deserialize)]
struct OfEvent {
    partner: Option<String>,
    event: Option<String>,
}

/// The partner's own events that brought these transactions, as their receipts name them.
pub fn events_of(
    db: &mut Db,
    partner: &PartnerId,
    ids: &[TransactionId],
) -> Result<HashMap<TransactionId, EventId>, StoreError> {
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, String)> = both!(db, db => transactions::table
        .filter(transactions::id.eq_any(&ids))
        .select((transactions::id, transactions::receipt))
        .load(db))?;
    let mut found = HashMap::with_capacity(rows.len());
    for (id, receipt) in rows {
        let said: OfEvent = serde_json::from_str(&receipt)
            .map_err(|_malformed| StoreError::Corrupt("transactions.receipt"))?;
        let (Some(by), Some(event)) = (said.partner, said.event) else { continue };
        if by != partner.as_str() {
            continue;
        }
        let event = EventId::try_from(event);
        let event = event.map_err(|_bad| StoreError::Corrupt("transactions.receipt"))?;
        found.insert(TransactionId::from_uuid(types::uuid(&id, "transactions.id")?), event);
    }
    Ok(found)
}

/// An entry of a transaction on an account of a partner.
pub struct PartnerEntry {
    pub account: Account,
    pub partner: PartnerId,
    pub seq: i64,
    pub amount: Amount,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// What a transaction put on partners' accounts, by place; `None` when there is no such transaction.
pub fn of_transaction(
    db: &mut Db,
    id: TransactionId,
) -> Result<Option<Vec<PartnerEntry>>, StoreError> {
    type Found = (String, String, String, i64, i64, chrono::NaiveDateTime, chrono::NaiveDateTime);
    let id = id.bytes().as_slice();
    let is_known: Option<i64> =
        transactions::table.find(id).select(transactions::entry_count).first(db).optional()?;
    if is_known.is_none() {
        return Ok(None);
    }
    let rows: Vec<Found> = entries::table
        .inner_join(accounts::table)
        .filter(entries::transaction_id.eq(id))
        .filter(accounts::owner_kind.eq("partner"))
        .order(entries::seq)
        .select((
            accounts::code,
            accounts::owner,
            accounts::asset,
            entries::seq,
            entries::amount,
            entries::effective_at,
            entries::recorded_at,
        ))
        .load(db)?;
    let entries = rows.into_iter().map(|(code, owner, asset, seq, minor, effective, recorded)| {
        let account = types::account(&code, "partner", &owner, &asset)?;
        Ok(PartnerEntry {
            amount: Amount::from_minor(minor, account.asset),
            account,
            partner: types::partner(&owner)?,
            seq,
            effective_at: types::moment(effective),
            recorded_at: types::moment(recorded),
        })
    });
    entries.collect::<Result<_, _>>().map(Some)
}

/// The transaction that an event brought, also under another id of it.
pub fn transaction_of(db: &mut Db, key: EventKey) -> Result<Option<TransactionId>, StoreError> {
    let mut id: Option<Vec<u8>> = events::table
        .find(key.bytes().as_slice())
        .select(events::transaction_id)
        .first(db)
        .optional()?;
    if id.is_none() {
        id = duplicate_ids::table
            .inner_join(events::table)
            .filter(duplicate_ids::id.eq(key.bytes().as_slice()))
            .select(events::transaction_id)
            .first(db)
            .optional()?;
    }
    id.map(|id| types::uuid(&id, "events.transaction_id").map(TransactionId::from_uuid)).transpose()
}

/// A closed month by its name and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedMonth {
    pub period: Period,
    pub number: i64,
}

/// The closed month that has what was recorded then and happened in a month: the first from that month on
/// whose cut is not before it.
pub fn month_with(
    db: &mut Db,
    partner: &PartnerId,
    happened_in: Period,
    recorded_at: Moment,
) -> Result<Option<ClosedMonth>, StoreError> {
    let row: Option<(String, i64)> = settlements::table
        .filter(settlements::partner_id.eq(partner.as_str()))
        .filter(settlements::state.eq("closed"))
        .filter(settlements::period.ge(happened_in.to_string()))
        .filter(settlements::cut_at.ge(recorded_at.naive()))
        .order(settlements::period)
        .select((settlements::period, settlements::number))
        .first(db)
        .optional()?;
    row.map(|(name, number)| Ok(ClosedMonth { period: period(&name)?, number })).transpose()
}
