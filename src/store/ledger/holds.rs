//! Points held for redemptions, and what became of them.

use std::collections::HashMap;
use std::str::FromStr;

use diesel::prelude::*;
use rust_decimal::Decimal;

use crate::clock::Moment;
use crate::event::Return;
use crate::ids::{CustomerId, EventId, EventKey, LotId, PartnerId, TransactionId};
use crate::ledger::AccountCode;
use crate::money::{Amount, Asset};
use crate::partner::test_clock::TestClocks;
use crate::program::{Confirmation, HoldStanding, HoldState, HoldStep};
use crate::store::schema::{accounts, entries, events, holds, transactions};
use crate::store::{Db, LedgerTx, StoreError, codes, types};

/// The hold that a step changes.
pub struct HoldOf<'a> {
    pub key: EventKey,
    pub customer: CustomerId,
    /// None for a hold whose time is over, or that its customer answers: it is there already.
    pub partner: Option<&'a PartnerId>,
    pub transaction: TransactionId,
    pub recorded_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = holds, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    customer_id: &'a [u8],
    partner_id: &'a str,
    points: i64,
    times_out_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
    state: &'static str,
    committed: i64,
    returned: i64,
    value: i64,
    price: Option<String>,
    confirmation: Option<&'static str>,
}

/// Records what a decision does to a hold. The customer must be locked.
///
/// # Errors
/// [`StoreError`]; the database refuses to close a hold twice.
pub fn step(tx: &mut LedgerTx<'_>, of: &HoldOf<'_>, step: HoldStep) -> Result<(), StoreError> {
    let row = holds::table.find(of.key.bytes().as_slice());
    match step {
        HoldStep::Opened { code, points, times_out_at, confirmation } => {
            codes::mark_used(tx, code)?;
            let row = Row {
                id: of.key.bytes(),
                customer_id: of.customer.bytes(),
                partner_id: of.partner.map_or("", PartnerId::as_str),
                points: points.minor(),
                times_out_at: times_out_at.naive(),
                recorded_at: of.recorded_at.naive(),
                state: HoldState::Held.name(),
                committed: 0,
                returned: 0,
                value: 0,
                price: None,
                confirmation: confirmation.name(),
            };
            both!(tx.0, db => diesel::insert_into(holds::table).values(&row).execute(db))?;
        }
        HoldStep::Closed { state, committed, value, price } => {
            diesel::update(row)
                .set((
                    holds::state.eq(state.name()),
                    holds::committed.eq(committed.minor()),
                    holds::value.eq(value.minor()),
                    holds::price.eq(price.map(|price| price.to_string())),
                ))
                .execute(tx.0)?;
        }
        HoldStep::Confirmed => {
            let confirmed = (
                holds::confirmation.eq(Confirmation::Confirmed.name()),
                holds::confirmation_id.eq(of.transaction.bytes().to_vec()),
            );
            diesel::update(row).set(confirmed).execute(tx.0)?;
        }
        HoldStep::Declined => {
            let declined = (
                holds::state.eq(HoldState::Cancelled.name()),
                holds::confirmation.eq(Confirmation::Declined.name()),
                holds::confirmation_id.eq(of.transaction.bytes().to_vec()),
            );
            diesel::update(row).set(declined).execute(tx.0)?;
        }
        HoldStep::Returned { points, value } => {
            diesel::update(row)
                .set((
                    holds::returned.eq(holds::returned + points.minor()),
                    holds::returned_value.eq(holds::returned_value + value.minor()),
                ))
                .execute(tx.0)?;
        }
    }
    Ok(())
}

/// The customers whose points these holds set aside.
pub fn customers(db: &mut Db, keys: &[EventKey]) -> Result<Vec<CustomerId>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<Vec<u8>> = both!(db, db => holds::table
        .filter(holds::id.eq_any(&ids))
        .select(holds::customer_id)
        .load(db))?;
    rows.iter().map(|id| types::uuid(id, "holds.customer_id").map(CustomerId::from_uuid)).collect()
}

/// Up to `max` customers with holds, at all partners or at one, that have timed out.
pub fn timed_out(
    db: &mut Db,
    partner: Option<&PartnerId>,
    now: Moment,
    max: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    let mut query = holds::table
        .filter(holds::state.eq(HoldState::Held.name()))
        .filter(holds::times_out_at.le(now.naive()))
        .order(holds::times_out_at)
        .limit(max)
        .select(holds::customer_id)
        .into_boxed();
    if let Some(partner) = partner {
        query = query.filter(holds::partner_id.eq(partner.as_str()));
    }
    let rows: Vec<Vec<u8>> = query.load(db)?;
    rows.iter().map(|id| types::uuid(id, "holds.customer_id").map(CustomerId::from_uuid)).collect()
}

/// The holds of these customers whose time is over by the clocks of their partners. The customers
/// must be locked.
pub fn timed_out_of(
    db: &mut Db,
    customers: &[CustomerId],
    clocks: &TestClocks,
) -> Result<HashMap<EventKey, HoldStanding>, StoreError> {
    let ids: Vec<&[u8]> = customers.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, String, chrono::NaiveDateTime)> = both!(db, db => holds::table
        .filter(holds::state.eq(HoldState::Held.name()))
        .filter(holds::times_out_at.le(clocks.latest().naive()))
        .filter(holds::customer_id.eq_any(&ids))
        .select((holds::id, holds::partner_id, holds::times_out_at))
        .load(db))?;
    let mut keys = Vec::with_capacity(rows.len());
    for (id, partner, times_out_at) in rows {
        let partner = PartnerId::try_from(partner)
            .map_err(|_invalid| StoreError::Corrupt("holds.partner_id"))?;
        if types::moment(times_out_at) <= clocks.now_of(&partner) {
            keys.push(EventKey::from_bytes(types::bytes16(&id, "holds.id")?));
        }
    }
    load(db, &keys)
}

type HoldRow = (
    Vec<u8>,
    Vec<u8>,
    i64,
    chrono::NaiveDateTime,
    String,
    i64,
    i64,
    (i64, Option<String>, i64, Option<String>),
);

/// What stands of these holds, of those that are known. The customers must be locked.
pub fn load(db: &mut Db, keys: &[EventKey]) -> Result<HashMap<EventKey, HoldStanding>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<HoldRow> = both!(db, db => holds::table
        .filter(holds::id.eq_any(&ids))
        .select((
            holds::id,
            holds::customer_id,
            holds::points,
            holds::times_out_at,
            holds::state,
            holds::committed,
            holds::returned,
            (holds::value, holds::price, holds::returned_value, holds::confirmation),
        ))
        .load(db))?;
    let mut standings = HashMap::with_capacity(rows.len());
    for (id, customer, points, times_out_at, state, committed, returned, worth) in rows {
        let (value, price, returned_value, confirmation) = worth;
        let key = EventKey::from_bytes(types::bytes16(&id, "holds.id")?);
        let of_lots = |db: &mut Db, code| lots_moved(db, key, code);
        let points_of = |minor| Amount::from_minor(minor, Asset::PTS);
        let standing = HoldStanding {
            customer: CustomerId::from_uuid(types::uuid(&customer, "holds.customer_id")?),
            state: HoldState::by_name(&state).ok_or(StoreError::Corrupt("holds.state"))?,
            times_out_at: types::moment(times_out_at),
            points: points_of(points),
            held: of_lots(db, AccountCode::POINTS_HELD)?,
            redeemed: of_lots(db, AccountCode::POINTS_REDEMPTION)?,
            committed: points_of(committed),
            returned: points_of(returned),
            returns: if returned == 0 { 0 } else { returns_of(db, key)? },
            returned_value: Amount::from_minor(returned_value, Asset::CNY),
            value: Amount::from_minor(value, Asset::CNY),
            price: price
                .map(|price| Decimal::from_str(&price))
                .transpose()
                .map_err(|_invalid| StoreError::Corrupt("holds.price"))?,
            confirmation: Confirmation::by_name(confirmation.as_deref())
                .ok_or(StoreError::Corrupt("holds.confirmation"))?,
        };
        standings.insert(key, standing);
    }
    Ok(standings)
}

/// A hold that its customer was asked about.
#[derive(Clone, Debug)]
pub struct AskedHold {
    pub key: EventKey,
    pub customer: CustomerId,
    pub partner: PartnerId,
    /// The partner's own id of it.
    pub event: EventId,
    pub points: Amount,
    pub recorded_at: Moment,
    pub times_out_at: Moment,
    pub state: HoldState,
    pub confirmation: Confirmation,
}

type AskedRow = (
    (Vec<u8>, Vec<u8>, String, String, i64),
    (chrono::NaiveDateTime, chrono::NaiveDateTime, String, Option<String>),
);

fn read_asked(row: AskedRow) -> Result<AskedHold, StoreError> {
    let ((key, customer, partner, event, points), standing) = row;
    let (recorded_at, times_out_at, state, confirmation) = standing;
    Ok(AskedHold {
        key: EventKey::from_bytes(types::bytes16(&key, "holds.id")?),
        customer: CustomerId::from_uuid(types::uuid(&customer, "holds.customer_id")?),
        partner: types::partner(&partner)?,
        event: EventId::try_from(event).map_err(|_bad| StoreError::Corrupt("events.event_id"))?,
        points: Amount::from_minor(points, Asset::PTS),
        recorded_at: types::moment(recorded_at),
        times_out_at: types::moment(times_out_at),
        state: HoldState::by_name(&state).ok_or(StoreError::Corrupt("holds.state"))?,
        confirmation: Confirmation::by_name(confirmation.as_deref())
            .ok_or(StoreError::Corrupt("holds.confirmation"))?,
    })
}

macro_rules! asked_columns {
    () => {
        (
            (holds::id, holds::customer_id, holds::partner_id, events::event_id, holds::points),
            (holds::recorded_at, holds::times_out_at, holds::state, holds::confirmation),
        )
    };
}

/// A hold that its customer was asked about. `None`: there is none, or nobody was asked.
pub fn asked(db: &mut Db, key: EventKey) -> Result<Option<AskedHold>, StoreError> {
    let row: Option<AskedRow> = holds::table
        .inner_join(events::table.on(events::id.eq(holds::id)))
        .filter(holds::id.eq(key.bytes().as_slice()))
        .filter(holds::confirmation.is_not_null())
        .select(asked_columns!())
        .first(db)
        .optional()?;
    row.map(read_asked).transpose()
}

/// The holds that wait for a customer, the oldest first.
pub fn awaiting(
    db: &mut Db,
    customer: CustomerId,
    now: Moment,
    rows_max: i64,
) -> Result<Vec<AskedHold>, StoreError> {
    let rows: Vec<AskedRow> = holds::table
        .inner_join(events::table.on(events::id.eq(holds::id)))
        .filter(holds::customer_id.eq(customer.bytes().as_slice()))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "holds.confirmation = 'awaited' AND holds.state = 'held'",
        ))
        .filter(holds::times_out_at.gt(now.naive()))
        .order((holds::recorded_at, holds::id))
        .limit(rows_max)
        .select(asked_columns!())
        .load(db)?;
    rows.into_iter().map(read_asked).collect()
}

/// In how many returns points of a redemption were given back.
fn returns_of(db: &mut Db, hold: EventKey) -> Result<usize, StoreError> {
    let count: i64 = events::table
        .filter(events::refers_to.eq(hold.bytes().as_slice()))
        .filter(events::kind.eq(Return::TYPE))
        .count()
        .get_result(db)?;
    usize::try_from(count).map_err(|_range| StoreError::OutOfRange)
}

/// What the events of a hold have put on accounts of that code by now, lot by lot, in the order in
/// which it was first put there.
fn lots_moved(
    db: &mut Db,
    hold: EventKey,
    code: AccountCode,
) -> Result<Vec<(LotId, Amount)>, StoreError> {
    let id = hold.bytes().as_slice();
    let rows: Vec<(Option<Vec<u8>>, i64)> = both!(db, db => entries::table
        .inner_join(events::table.on(events::transaction_id.eq(entries::transaction_id)))
        .inner_join(transactions::table)
        .inner_join(accounts::table)
        .filter(events::id.eq(id).or(events::refers_to.eq(id)))
        .filter(accounts::code.eq(code.name()))
        .order((entries::transaction_id, entries::seq))
        .select((entries::lot_id, entries::amount))
        .load(db))?;
    let mut moved: Vec<(LotId, Amount)> = Vec::new();
    let mut places: HashMap<LotId, usize> = HashMap::new();
    for (lot, amount) in rows {
        let lot = lot.ok_or(StoreError::Corrupt("entries.lot_id"))?;
        let lot = LotId::from_uuid(types::uuid(&lot, "entries.lot_id")?);
        let amount = Amount::from_minor(amount, Asset::PTS);
        match places.get(&lot).and_then(|place| moved.get_mut(*place)) {
            Some((_lot, sum)) => {
                *sum = sum.checked_add(amount).map_err(|_range| StoreError::OutOfRange)?;
            }
            None => {
                places.insert(lot, moved.len());
                moved.push((lot, amount));
            }
        }
    }
    Ok(moved)
}

diesel::allow_tables_to_appear_in_same_query!(holds, events);
