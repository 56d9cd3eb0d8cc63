//! Recorded history, to be decided on again: a page of transactions at a time, in the order of recording.
//! Reads only. Read more than one page in one [`snapshot`](Db::snapshot).

use std::collections::HashMap;

use diesel::prelude::*;
use serde::Deserialize;

use crate::clock::Moment;
use crate::ids::{CustomerId, EventId, EventKey, PartnerId, TransactionId};
use crate::ledger::Account;
use crate::money::Amount;
use crate::program::CustomerStanding;
use crate::store::schema::{accounts, customers, entries, events, transactions};
use crate::store::{Db, StoreError, types};

/// A transaction and the event that it came from, if it came from one.
pub struct PastTransaction {
    pub id: TransactionId,
    pub event: Option<PastEvent>,
}

/// An event as it is kept, with what came of it.
pub struct PastEvent {
    pub partner: PartnerId,
    pub body: String,
    /// The event that it refers to, by the id under which that came first.
    pub refers_to: Option<EventId>,
    pub customer: Option<CustomerStanding>,
    pub recorded_at: Moment,
    pub marks: Vec<String>,
    /// Entries with their rules, but for those on customers' accounts.
    pub entries: Vec<(Account, String, Amount)>,
}

/// What a receipt says of its event; none of it where nothing but time brought the transaction.
#[derive(Deserialize)]
struct OfEvent {
    partner: Option<String>,
    event: Option<String>,
    #[serde(default)]
    marks: Vec<String>,
}

/// The next transactions after the one where the page before ended.
pub fn page(
    db: &mut Db,
    after: Option<TransactionId>,
    transactions_max: i64,
) -> Result<Vec<PastTransaction>, StoreError> {
    let after = after.map_or_else(Vec::new, |id| id.bytes().to_vec());
    let rows: Vec<(Vec<u8>, String)> = transactions::table
        .filter(transactions::id.gt(after.as_slice()))
        .order(transactions::id)
        .limit(transactions_max)
        .select((transactions::id, transactions::receipt))
        .load(db)?;
    let mut keyed = Vec::with_capacity(rows.len());
    for (id, receipt) in &rows {
        let said: OfEvent = serde_json::from_str(receipt)
            .map_err(|_malformed| StoreError::Corrupt("transactions.receipt"))?;
        keyed.push((id, key_of(&said), said.marks));
    }
    let keys: Vec<EventKey> = keyed.iter().filter_map(|(_id, key, _marks)| *key).collect();
    let mut found = past_events(db, &keys)?;
    let ids: Vec<&[u8]> = rows.iter().map(|(id, _receipt)| id.as_slice()).collect();
    let mut posted = posted(db, &ids)?;
    let whole = keyed.into_iter().map(|(id, key, marks)| {
        let event = key.and_then(|key| found.remove(&key)).map(|event| PastEvent {
            marks,
            entries: posted.remove(id.as_slice()).unwrap_or_default(),
            ..event
        });
        let id = TransactionId::from_uuid(types::uuid(id, "transactions.id")?);
        Ok(PastTransaction { id, event })
    });
    whole.collect()
}

fn key_of(said: &OfEvent) -> Option<EventKey> {
    let partner = PartnerId::try_from(said.partner.as_deref()?).ok()?;
    let event = EventId::try_from(said.event.as_deref()?).ok()?;
    Some(EventKey::of(&partner, &event))
}

type EventRow = (Vec<u8>, String, String, Option<Vec<u8>>, Option<Vec<u8>>, chrono::NaiveDateTime);
type CustomerRow = (Vec<u8>, chrono::NaiveDateTime, Option<i64>);

/// The events of these keys, without marks and entries yet.
fn past_events(db: &mut Db, keys: &[EventKey]) -> Result<HashMap<EventKey, PastEvent>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<EventRow> = both!(db, db => events::table
        .filter(events::id.eq_any(&keys))
        .select((
            events::id,
            events::partner_id,
            events::body,
            events::refers_to,
            events::customer_id,
            events::recorded_at,
        ))
        .load(db))?;
    let named: Vec<&[u8]> = rows.iter().filter_map(|row| row.3.as_deref()).collect();
    let named: Vec<(Vec<u8>, String)> = both!(db, db => events::table
        .filter(events::id.eq_any(&named))
        .select((events::id, events::event_id))
        .load(db))?;
    let named: HashMap<Vec<u8>, String> = named.into_iter().collect();
    let ids: Vec<&[u8]> = rows.iter().filter_map(|row| row.4.as_deref()).collect();
    let standing: Vec<CustomerRow> = both!(db, db => customers::table
        .filter(customers::id.eq_any(&ids))
        .select((customers::id, customers::enrolled_at, customers::birth_month))
        .load(db))?;
    let mut known = HashMap::with_capacity(standing.len());
    for (id, enrolled_at, birth_month) in standing {
        let standing = CustomerStanding {
            id: CustomerId::from_uuid(types::uuid(&id, "customers.id")?),
            enrolled_at: types::moment(enrolled_at),
            birth_month: birth_month.and_then(|month| u32::try_from(month).ok()),
        };
        known.insert(id, standing);
    }
    rows.into_iter()
        .map(|(id, partner, body, refers_to, customer, recorded_at)| {
            let refers_to = refers_to.and_then(|key| named.get(&key).cloned());
            let refers_to = refers_to.map(EventId::try_from).transpose();
            let event = PastEvent {
                partner: types::partner(&partner)?,
                body,
                refers_to: refers_to.map_err(|_bad| StoreError::Corrupt("events.event_id"))?,
                customer: customer.and_then(|id| known.get(&id).copied()),
                recorded_at: types::moment(recorded_at),
                marks: Vec::new(),
                entries: Vec::new(),
            };
            Ok((EventKey::from_bytes(types::bytes16(&id, "events.id")?), event))
        })
        .collect()
}

type EntryRow = (Vec<u8>, String, String, String, String, i64, String);
type Posted = HashMap<Vec<u8>, Vec<(Account, String, Amount)>>;

/// What these transactions put on the bank's and on partners' accounts.
fn posted(db: &mut Db, ids: &[&[u8]]) -> Result<Posted, StoreError> {
    let rows: Vec<EntryRow> = both!(db, db => entries::table
        .inner_join(accounts::table)
        .filter(entries::transaction_id.eq_any(ids))
        .filter(accounts::owner_kind.ne("customer"))
        .select((
            entries::transaction_id,
            accounts::code,
            accounts::owner_kind,
            accounts::owner,
            accounts::asset,
            entries::amount,
            entries::rule,
        ))
        .load(db))?;
    let mut posted = Posted::new();
    for (id, code, kind, owner, asset, amount, rule) in rows {
        let account = types::account(&code, &kind, &owner, &asset)?;
        let amount = Amount::from_minor(amount, account.asset);
        posted.entry(id).or_default().push((account, rule, amount));
    }
    Ok(posted)
}

/// How many transactions there are.
pub fn count(db: &mut Db) -> Result<i64, StoreError> {
    Ok(transactions::table.count().get_result(db)?)
}
