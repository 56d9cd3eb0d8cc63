//! The stages of customers, and every move from stage to stage.

use std::collections::HashSet;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::event::{Payment, Refund};
use crate::follow_up::CustomerStage;
use crate::follow_up::stage::StageReason;
use crate::ids::{CustomerId, EventKey};
use crate::money::Amount;
use crate::store::schema::{customer_stage_moves, customer_stages, customers, events};
use crate::store::{Db, LedgerTx, StoreError, corrections, types};

/// The stage of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageRecord {
    pub customer: CustomerId,
    pub stage: CustomerStage,
    pub since: Moment,
}

/// One move of a customer to a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageMove {
    pub from: Option<CustomerStage>,
    pub stage: CustomerStage,
    pub says: String,
    pub says_zh: String,
    pub moved_at: Moment,
}

type Stored = (Vec<u8>, String, chrono::NaiveDateTime);
type StoredMove = (Option<String>, String, String, String, chrono::NaiveDateTime);

/// What a look at a page of customers found.
pub struct Unstaged {
    /// Customers without a stage, by id.
    pub customers: Vec<CustomerId>,
    /// Where the next look begins. `None`: all customers were looked at.
    pub looked_to: Option<CustomerId>,
}

/// Customers in one look for those without a stage.
const LOOKED_AT: usize = 200;

/// Up to `max` customers without a stage, among those that come next after an id. However many customers
/// have a stage, a look passes over no more than a page of them.
pub fn unstaged(db: &mut Db, after: CustomerId, max: usize) -> Result<Unstaged, StoreError> {
    let page: Vec<Vec<u8>> = customers::table
        .filter(customers::id.gt(after.bytes().as_slice()))
        .order(customers::id)
        .limit(i64::try_from(LOOKED_AT).unwrap_or(i64::MAX))
        .select(customers::id)
        .load(db)?;
    let staged: Vec<Vec<u8>> = both!(db, db => customer_stages::table
        .filter(customer_stages::customer_id.eq_any(&page))
        .select(customer_stages::customer_id)
        .load(db))?;
    let staged: HashSet<Vec<u8>> = staged.into_iter().collect();
    let mut unstaged = page.iter().filter(|id| !staged.contains(*id));
    let found = unstaged.by_ref().take(max).map(|id| customer(id));
    let customers = found.collect::<Result<Vec<CustomerId>, StoreError>>()?;
    let looked_to = match (unstaged.next(), page.last()) {
        // More than may be taken at once: the next look begins behind the last that was.
        (Some(_more), _) => customers.last().copied(),
        (None, Some(last)) if page.len() == LOOKED_AT => Some(customer(last)?),
        (None, _) => None,
    };
    Ok(Unstaged { customers, looked_to })
}

/// Up to `max` customers whose stage is due to be computed, earliest first.
pub fn to_look_at(db: &mut Db, now: Moment, max: i64) -> Result<Vec<CustomerId>, StoreError> {
    let rows: Vec<Vec<u8>> = customer_stages::table
        .filter(customer_stages::look_at.le(now.naive()))
        .order((customer_stages::look_at, customer_stages::customer_id))
        .limit(max)
        .select(customer_stages::customer_id)
        .load(db)?;
    rows.iter().map(|id| customer(id)).collect()
}

/// Makes the customer's stage due to be computed at once.
pub fn look_again(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    at: Moment,
) -> Result<(), StoreError> {
    let later = customer_stages::table
        .filter(customer_stages::customer_id.eq(customer.bytes().as_slice()))
        .filter(customer_stages::look_at.gt(at.naive()));
    diesel::update(later).set(customer_stages::look_at.eq(at.naive())).execute(tx.0)?;
    Ok(())
}

/// Sets when the customer's stage is computed next.
pub fn postpone(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    until: Moment,
) -> Result<(), StoreError> {
    diesel::update(customer_stages::table.find(customer.bytes().as_slice()))
        .set(customer_stages::look_at.eq(until.naive()))
        .execute(tx.0)?;
    Ok(())
}

/// The new stage of a customer.
pub struct NewStage<'a> {
    pub customer: CustomerId,
    pub stage: CustomerStage,
    pub reason: &'a StageReason,
    pub moved_at: Moment,
    /// When the stage is computed next.
    pub look_at: Moment,
}

/// Stores a customer's stage. Returns the number of the move. `None`: the customer was in that stage
/// before.
pub fn put(tx: &mut LedgerTx<'_>, new: &NewStage<'_>) -> Result<Option<i64>, StoreError> {
    let NewStage { customer, stage, reason, moved_at: now, look_at } = *new;
    if let Db::Postgres(db) = &mut *tx.0 {
        customer_stages::table
            .find(customer.bytes().as_slice())
            .select(customer_stages::customer_id)
            .for_no_key_update()
            .load::<Vec<u8>>(db)?;
    }
    let before = get(tx.0, customer)?.map(|record| record.stage);
    let own = customer_stages::table.find(customer.bytes().as_slice());
    if before == Some(stage) {
        diesel::update(own).set(customer_stages::look_at.eq(look_at.naive())).execute(tx.0)?;
        return Ok(None);
    }
    let last: Option<i64> = customer_stage_moves::table
        .filter(customer_stage_moves::customer_id.eq(customer.bytes().as_slice()))
        .select(diesel::dsl::max(customer_stage_moves::seq))
        .get_result(tx.0)?;
    let seq = last.unwrap_or_default().saturating_add(1);
    let row = (
        customer_stage_moves::customer_id.eq(customer.bytes().as_slice()),
        customer_stage_moves::seq.eq(seq),
        customer_stage_moves::from_stage.eq(before.map(CustomerStage::name)),
        customer_stage_moves::stage.eq(stage.name()),
        customer_stage_moves::says.eq(reason.says()),
        customer_stage_moves::says_zh.eq(reason.says_zh()),
        customer_stage_moves::moved_at.eq(now.naive()),
    );
    let moved = both!(tx.0, db => diesel::insert_into(customer_stage_moves::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    if moved == 0 {
        // Another gateway has just computed the stage of a new customer.
        return Ok(None);
    }
    let standing = (
        customer_stages::stage.eq(stage.name()),
        customer_stages::since.eq(now.naive()),
        customer_stages::look_at.eq(look_at.naive()),
    );
    if before.is_some() {
        diesel::update(own).set(standing).execute(tx.0)?;
    } else {
        let id = customer_stages::customer_id.eq(customer.bytes().as_slice());
        let row = (id, standing.0, standing.1, standing.2);
        both!(tx.0, db => diesel::insert_into(customer_stages::table).values(&row).execute(db))?;
    }
    Ok(Some(seq))
}

/// A customer's stage. `None`: it was never computed.
pub fn get(db: &mut Db, customer: CustomerId) -> Result<Option<StageRecord>, StoreError> {
    let stored: Option<Stored> = customer_stages::table
        .find(customer.bytes().as_slice())
        .select((customer_stages::customer_id, customer_stages::stage, customer_stages::since))
        .first(db)
        .optional()?;
    stored.map(StageRecord::try_from).transpose()
}

/// All moves of a customer, in their order.
pub fn moves(db: &mut Db, customer: CustomerId) -> Result<Vec<StageMove>, StoreError> {
    let rows: Vec<StoredMove> = customer_stage_moves::table
        .filter(customer_stage_moves::customer_id.eq(customer.bytes().as_slice()))
        .order(customer_stage_moves::seq)
        .select((
            customer_stage_moves::from_stage,
            customer_stage_moves::stage,
            customer_stage_moves::says,
            customer_stage_moves::says_zh,
            customer_stage_moves::moved_at,
        ))
        .load(db)?;
    rows.into_iter()
        .map(|(from, stage, says, says_zh, moved_at)| {
            Ok(StageMove {
                from: from.as_deref().map(read).transpose()?,
                stage: read(&stage)?,
                says,
                says_zh,
                moved_at: types::moment(moved_at),
            })
        })
        .collect()
}

/// Customers in a stage, or in any stage, by id.
pub fn page(
    db: &mut Db,
    stage: Option<CustomerStage>,
    after: Option<CustomerId>,
    rows_max: i64,
) -> Result<Vec<StageRecord>, StoreError> {
    let mut query = customer_stages::table
        .order(customer_stages::customer_id)
        .limit(rows_max)
        .select((customer_stages::customer_id, customer_stages::stage, customer_stages::since))
        .into_boxed();
    if let Some(stage) = stage {
        query = query.filter(customer_stages::stage.eq(stage.name()));
    }
    if let Some(after) = after {
        query = query.filter(customer_stages::customer_id.gt(after.bytes().to_vec()));
    }
    let rows: Vec<Stored> = query.load(db)?;
    rows.into_iter().map(StageRecord::try_from).collect()
}

/// Time and amount of these payments, less refunds. Reversed payments are left out.
pub fn paid(db: &mut Db, keys: &[EventKey]) -> Result<Vec<(Moment, Amount)>, StoreError> {
    type Paid = (Vec<u8>, String, i64, chrono::NaiveDateTime);
    let mut list = Vec::new();
    for part in keys.chunks(500) {
        let ids: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let payments: Vec<Paid> = both!(db, db => events::table
            .filter(events::id.eq_any(&ids))
            .filter(events::kind.eq(Payment::TYPE))
            .select((events::id, events::asset, events::amount, events::effective_at))
            .load(db))?;
        let refunds: Vec<(Option<Vec<u8>>, i64)> = both!(db, db => events::table
            .filter(events::refers_to.eq_any(&ids))
            .filter(events::kind.eq(Refund::TYPE))
            .select((events::refers_to, events::amount))
            .load(db))?;
        let reversed = corrections::reversed(db, part)?;
        for (id, asset, amount, at) in payments {
            let key = EventKey::from_bytes(types::bytes16(&id, "events.id")?);
            if reversed.contains(&key) {
                continue;
            }
            let of_it = refunds.iter().filter(|(of, _)| of.as_deref() == Some(id.as_slice()));
            let net = of_it.fold(amount, |left, (_, refunded)| left.saturating_sub(*refunded));
            list.push((types::moment(at), Amount::from_minor(net, types::asset(&asset)?)));
        }
    }
    Ok(list)
}

fn customer(id: &[u8]) -> Result<CustomerId, StoreError> {
    types::uuid(id, "customer_stages.customer_id").map(CustomerId::from_uuid)
}

fn read(name: &str) -> Result<CustomerStage, StoreError> {
    CustomerStage::by_name(name).ok_or(StoreError::Corrupt("customer_stages.stage"))
}

impl TryFrom<Stored> for StageRecord {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let (id, stage, since) = stored;
        let (customer, since) = (customer(&id)?, types::moment(since));
        Ok(Self { customer, stage: read(&stage)?, since })
    }
}
