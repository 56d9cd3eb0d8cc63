//! Lots of points. The parts of a lot are kept beside the entries that name it and can be proved
//! from them; the customers' rows are the lock over their lots.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamp};

use crate::clock::Moment;
use crate::ids::{CustomerId, LotId, PartnerId, TransactionId};
use crate::ledger::{Account, AccountCode, Posting, RuleVersion};
use crate::money::{Amount, Asset};
use crate::program::{Lot, LotStand, NewLot, Parts, ReportedBy};
use crate::store::moment::StoredMoment;
use crate::store::schema::{accounts, customers, lots};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A lot to be recorded, and the transaction that opens it.
pub struct LotRecord<'a> {
    pub lot: &'a NewLot,
    pub transaction: TransactionId,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = lots, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    customer_id: &'a [u8],
    partner_id: &'a str,
    rule: &'a str,
    transaction_id: &'a [u8],
    issued: i64,
    by_partner: i64,
    unit_cost: String,
    matures_at: Option<StoredMoment>,
    expires_at: Option<StoredMoment>,
    effective_at: StoredMoment,
    recorded_at: StoredMoment,
    pending: i64,
    available: i64,
    held: i64,
    redeemed: i64,
    expired: i64,
    owed: i64,
}

impl<'a> Row<'a> {
    fn new(record: &'a LotRecord<'a>, parts: Parts) -> Self {
        let lot = record.lot;
        Self {
            id: lot.id.bytes(),
            customer_id: lot.customer.bytes(),
            partner_id: lot.partner.as_str(),
            rule: lot.rule.as_str(),
            transaction_id: record.transaction.bytes(),
            issued: lot.issued.minor(),
            by_partner: lot.by_partner.minor(),
            unit_cost: lot.unit_cost.to_string(),
            matures_at: lot.matures_at.map(StoredMoment::from),
            expires_at: lot.expires_at.map(StoredMoment::from),
            effective_at: record.effective_at.into(),
            recorded_at: record.recorded_at.into(),
            pending: parts.pending.minor(),
            available: parts.available.minor(),
            held: parts.held.minor(),
            redeemed: parts.redeemed.minor(),
            expired: parts.expired.minor(),
            owed: parts.owed.minor(),
        }
    }
}

/// Opens lots and lets all lots follow the postings that name them. The customers must be locked.
///
/// # Errors
/// [`StoreError`]; the database refuses a part below zero.
pub fn apply<'a>(
    tx: &mut LedgerTx<'_>,
    opened: &[LotRecord<'_>],
    postings: impl Iterator<Item = &'a Posting>,
) -> Result<(), StoreError> {
    let mut changes: BTreeMap<LotId, Parts> = BTreeMap::new();
    for posting in postings {
        if let Some(lot) = posting.lot {
            let parts = changes.entry(lot).or_insert(Parts::NONE);
            let followed = parts.follow(posting.account.code, posting.amount);
            followed.map_err(|_range| StoreError::OutOfRange)?;
        }
    }
    let rows: Vec<Row<'_>> = opened
        .iter()
        .map(|record| Row::new(record, changes.remove(&record.lot.id).unwrap_or(Parts::NONE)))
        .collect();
    match &mut *tx.0 {
        Db::Postgres(db) => insert_arrays(db, &rows)?,
        Db::Sqlite(db) => {
            for row in &rows {
                diesel::insert_into(lots::table).values(row).execute(db)?;
            }
        }
    }
    let changed: Vec<Changed<'_>> =
        changes.iter().map(|(id, parts)| Changed::new(id, *parts)).collect();
    match &mut *tx.0 {
        Db::Postgres(db) => update_arrays(db, &changed)?,
        Db::Sqlite(db) => {
            for row in &changed {
                diesel::update(lots::table.find(row.id))
                    .set((
                        lots::pending.eq(lots::pending + row.pending),
                        lots::available.eq(lots::available + row.available),
                        lots::held.eq(lots::held + row.held),
                        lots::redeemed.eq(lots::redeemed + row.redeemed),
                        lots::expired.eq(lots::expired + row.expired),
                        lots::owed.eq(lots::owed + row.owed),
                    ))
                    .execute(db)?;
            }
        }
    }
    Ok(())
}

/// What postings add to the parts of a lot that is there.
struct Changed<'a> {
    id: &'a [u8],
    pending: i64,
    available: i64,
    held: i64,
    redeemed: i64,
    expired: i64,
    owed: i64,
}

impl<'a> Changed<'a> {
    const fn new(id: &'a LotId, parts: Parts) -> Self {
        Self {
            id: id.bytes(),
            pending: parts.pending.minor(),
            available: parts.available.minor(),
            held: parts.held.minor(),
            redeemed: parts.redeemed.minor(),
            expired: parts.expired.minor(),
            owed: parts.owed.minor(),
        }
    }
}

/// All lots in one statement: a customer may have thousands.
fn update_arrays(db: &mut PgConnection, rows: &[Changed<'_>]) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "UPDATE lots SET pending = lots.pending + changed.pending, \
         available = lots.available + changed.available, held = lots.held + changed.held, \
         redeemed = lots.redeemed + changed.redeemed, expired = lots.expired + changed.expired, \
         owed = lots.owed + changed.owed \
         FROM unnest($1, $2, $3, $4, $5, $6, $7) AS changed \
         (id, pending, available, held, redeemed, expired, owed) WHERE lots.id = changed.id",
    )
    .bind::<Array<Binary>, _>(column!(rows, id))
    .bind::<Array<BigInt>, _>(column!(rows, pending))
    .bind::<Array<BigInt>, _>(column!(rows, available))
    .bind::<Array<BigInt>, _>(column!(rows, held))
    .bind::<Array<BigInt>, _>(column!(rows, redeemed))
    .bind::<Array<BigInt>, _>(column!(rows, expired))
    .bind::<Array<BigInt>, _>(column!(rows, owed))
    .execute(db)?;
    Ok(())
}

fn insert_arrays(db: &mut PgConnection, rows: &[Row<'_>]) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let unit_costs: Vec<&str> = rows.iter().map(|row| row.unit_cost.as_str()).collect();
    diesel::sql_query(
        "INSERT INTO lots (id, customer_id, partner_id, rule, transaction_id, issued, by_partner, \
         unit_cost, matures_at, expires_at, effective_at, recorded_at, pending, available, held, \
         redeemed, expired, owed) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
         $12, $13, $14, $15, $16, $17, $18)",
    )
    .bind::<Array<Binary>, _>(column!(rows, id))
    .bind::<Array<Binary>, _>(column!(rows, customer_id))
    .bind::<Array<Text>, _>(column!(rows, partner_id))
    .bind::<Array<Text>, _>(column!(rows, rule))
    .bind::<Array<Binary>, _>(column!(rows, transaction_id))
    .bind::<Array<BigInt>, _>(column!(rows, issued))
    .bind::<Array<BigInt>, _>(column!(rows, by_partner))
    .bind::<Array<Text>, _>(unit_costs)
    .bind::<Array<Nullable<Timestamp>>, _>(column!(rows, matures_at))
    .bind::<Array<Nullable<Timestamp>>, _>(column!(rows, expires_at))
    .bind::<Array<Timestamp>, _>(column!(rows, effective_at))
    .bind::<Array<Timestamp>, _>(column!(rows, recorded_at))
    .bind::<Array<BigInt>, _>(column!(rows, pending))
    .bind::<Array<BigInt>, _>(column!(rows, available))
    .bind::<Array<BigInt>, _>(column!(rows, held))
    .bind::<Array<BigInt>, _>(column!(rows, redeemed))
    .bind::<Array<BigInt>, _>(column!(rows, expired))
    .bind::<Array<BigInt>, _>(column!(rows, owed))
    .execute(db)?;
    Ok(())
}

type LotRow = (
    Vec<u8>,
    Vec<u8>,
    Option<chrono::NaiveDateTime>,
    Option<chrono::NaiveDateTime>,
    (String, String, chrono::NaiveDateTime),
    (i64, i64, i64, i64, i64, i64),
);

macro_rules! lot_columns {
    () => {
        (
            lots::id,
            lots::customer_id,
            lots::matures_at,
            lots::expires_at,
            (lots::partner_id, lots::rule, lots::recorded_at),
            (lots::pending, lots::available, lots::held, lots::redeemed, lots::expired, lots::owed),
        )
    };
}

/// The lots of these customers in which there are points still.
pub fn of_customers(db: &mut Db, customers: &[CustomerId]) -> Result<Vec<Lot>, StoreError> {
    let ids: Vec<&[u8]> = customers.iter().map(|id| id.bytes().as_slice()).collect();
    let with_points = lots::pending.gt(0).or(lots::available.gt(0)).or(lots::held.gt(0));
    let rows: Vec<LotRow> = both!(db, db => lots::table
        .filter(lots::customer_id.eq_any(&ids))
        .filter(with_points)
        .select(lot_columns!())
        .load(db))?;
    rows.into_iter().map(lot).collect()
}

/// These lots, whatever is left in them.
pub fn by_id(db: &mut Db, list: &[LotId]) -> Result<Vec<Lot>, StoreError> {
    let ids: Vec<&[u8]> = list.iter().map(|id| id.bytes().as_slice()).collect();
    let mut found = Vec::with_capacity(ids.len());
    for part in ids.chunks(crate::store::rows_max(1)) {
        let rows: Vec<LotRow> = both!(db, db => lots::table
            .filter(lots::id.eq_any(part))
            .select(lot_columns!())
            .load(db))?;
        for row in rows {
            found.push(lot(row)?);
        }
    }
    Ok(found)
}

/// The lots of these customers whose points are owed while they are held.
pub fn owing(db: &mut Db, customers: &[CustomerId]) -> Result<Vec<Lot>, StoreError> {
    let ids: Vec<&[u8]> = customers.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<LotRow> = both!(db, db => lots::table
        .filter(lots::customer_id.eq_any(&ids))
        .filter(lots::owed.ne(0))
        .select(lot_columns!())
        .load(db))?;
    rows.into_iter().map(lot).collect()
}

/// The lots of these customers of which something falls due at or before a moment: first those that
/// fall due first, at most `max` that mature and at most `max` that expire.
pub struct DueLots {
    pub lots: Vec<Lot>,
    /// The moment up to which all are here, except that of its very last moment some may be left.
    pub until: Moment,
}

/// Reads [`DueLots`]. The customers must be locked.
pub fn due_of(
    db: &mut Db,
    customers: &[CustomerId],
    until: Moment,
    max: i64,
) -> Result<DueLots, StoreError> {
    let ids: Vec<&[u8]> = customers.iter().map(|id| id.bytes().as_slice()).collect();
    let maturing: Vec<LotRow> = both!(db, db => lots::table
        .filter(lots::customer_id.eq_any(&ids))
        .filter(lots::pending.gt(0))
        .filter(lots::matures_at.le(until.naive()))
        .order((lots::matures_at, lots::id))
        .limit(max)
        .select(lot_columns!())
        .load(db))?;
    let expiring: Vec<LotRow> = both!(db, db => lots::table
        .filter(lots::customer_id.eq_any(&ids))
        .filter(lots::available.gt(0).or(lots::pending.gt(0)))
        .filter(lots::expires_at.le(until.naive()))
        .order((lots::expires_at, lots::id))
        .limit(max)
        .select(lot_columns!())
        .load(db))?;
    let mut due = DueLots { lots: Vec::new(), until };
    let is_full = |rows: &[LotRow]| i64::try_from(rows.len()).is_ok_and(|rows| rows >= max);
    let (more_mature, more_expire) = (is_full(&maturing), is_full(&expiring));
    for row in maturing {
        due.lots.push(lot(row)?);
    }
    if let Some(last) = due.lots.last().and_then(|lot| lot.matures_at).filter(|_| more_mature) {
        due.until = due.until.min(last);
    }
    let mut known: HashSet<LotId> = due.lots.iter().map(|lot| lot.id).collect();
    let mut last = None;
    for row in expiring {
        let lot = lot(row)?;
        last = lot.expires_at;
        if known.insert(lot.id) {
            due.lots.push(lot);
        }
    }
    if let Some(last) = last.filter(|_| more_expire) {
        due.until = due.until.min(last);
    }
    Ok(due)
}

/// The partners at which the lots of these customers were earned, of lots with points still.
pub fn partners(
    db: &mut Db,
    customers: &[CustomerId],
) -> Result<HashMap<LotId, PartnerId>, StoreError> {
    let ids: Vec<&[u8]> = customers.iter().map(|id| id.bytes().as_slice()).collect();
    let with_points = lots::pending.gt(0).or(lots::available.gt(0)).or(lots::held.gt(0));
    let rows: Vec<(Vec<u8>, String)> = both!(db, db => lots::table
        .filter(lots::customer_id.eq_any(&ids))
        .filter(with_points)
        .select((lots::id, lots::partner_id))
        .load(db))?;
    rows.into_iter()
        .map(|(id, partner)| {
            let partner = PartnerId::try_from(partner);
            let partner = partner.map_err(|_invalid| StoreError::Corrupt("lots.partner_id"))?;
            Ok((LotId::from_uuid(types::uuid(&id, "lots.id")?), partner))
        })
        .collect()
}

/// Up to `max` customers, of all partners or of one, with points that have matured or expired by now.
pub fn fallen_due(
    db: &mut Db,
    partner: Option<&PartnerId>,
    now: Moment,
    max: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    let mut maturing = lots::table
        .filter(lots::pending.gt(0))
        .filter(lots::matures_at.is_not_null())
        .filter(lots::matures_at.le(now.naive()))
        .order(lots::matures_at)
        .limit(max)
        .select(lots::customer_id)
        .into_boxed();
    let mut expiring = lots::table
        .filter(lots::available.gt(0))
        .filter(lots::expires_at.is_not_null())
        .filter(lots::expires_at.le(now.naive()))
        .order(lots::expires_at)
        .limit(max)
        .select(lots::customer_id)
        .into_boxed();
    if let Some(partner) = partner {
        maturing = maturing.filter(lots::partner_id.eq(partner.as_str()));
        expiring = expiring.filter(lots::partner_id.eq(partner.as_str()));
    }
    let mut rows: Vec<Vec<u8>> = maturing.load(db)?;
    let more: Vec<Vec<u8>> = expiring.load(db)?;
    rows.extend(more);
    rows.sort_unstable();
    rows.dedup();
    rows.iter().map(|id| types::uuid(id, "lots.customer_id").map(CustomerId::from_uuid)).collect()
}

/// Points of a customer that expire at a time.
pub struct Expiring {
    pub customer: CustomerId,
    /// What the bank's identity provider calls the customer.
    pub subject: Option<String>,
    pub expires_at: Moment,
    pub points: Amount,
}

type ExpiringRow = (Vec<u8>, Option<String>, Option<chrono::NaiveDateTime>, i64);

/// What expires in a span of time unless it is spent, soonest first: a line for each customer and
/// moment.
pub fn expiring(db: &mut Db, after: Moment, until: Moment) -> Result<Vec<Expiring>, StoreError> {
    let rows: Vec<ExpiringRow> = both!(db, db => lots::table
            .inner_join(customers::table.on(customers::id.eq(lots::customer_id)))
            .filter(lots::available.gt(0))
            .filter(lots::expires_at.gt(after.naive()))
            .filter(lots::expires_at.le(until.naive()))
            .order((lots::expires_at, lots::customer_id))
            .select((lots::customer_id, customers::bank_subject, lots::expires_at, lots::available))
            .load(db))?;
    let mut lines: Vec<Expiring> = Vec::new();
    for (customer, subject, expires_at, available) in rows {
        let customer = CustomerId::from_uuid(types::uuid(&customer, "lots.customer_id")?);
        let expires_at = types::moment(expires_at.ok_or(StoreError::Corrupt("lots.expires_at"))?);
        let points = Amount::from_minor(available, Asset::PTS);
        match lines.last_mut() {
            Some(last) if last.customer == customer && last.expires_at == expires_at => {
                last.points =
                    last.points.checked_add(points).map_err(|_range| StoreError::OutOfRange)?;
            }
            _ => lines.push(Expiring { customer, subject, expires_at, points }),
        }
    }
    Ok(lines)
}

/// What these customers owe, of those that owe anything.
pub fn owed(
    db: &mut Db,
    customers: &[CustomerId],
) -> Result<Vec<(CustomerId, Amount)>, StoreError> {
    let account = |id: &CustomerId| Account::customer(AccountCode::POINTS_OWED, *id, Asset::PTS);
    let by_account: BTreeMap<[u8; 16], CustomerId> =
        customers.iter().map(|id| (*account(id).id().bytes(), *id)).collect();
    let ids: Vec<&[u8]> = by_account.keys().map(<[u8; 16]>::as_slice).collect();
    let rows: Vec<(Vec<u8>, i64)> = both!(db, db => accounts::table
        .filter(accounts::id.eq_any(&ids))
        .select((accounts::id, accounts::balance))
        .load(db))?;
    let mut owing = Vec::new();
    for (id, balance) in rows {
        let customer = by_account.get(&types::bytes16(&id, "accounts.id")?);
        let owed = Amount::from_minor(balance, Asset::PTS).negate();
        if let (Some(customer), Ok(owed)) = (customer, owed)
            && !owed.is_zero()
        {
            owing.push((*customer, owed));
        }
    }
    Ok(owing)
}

fn lot(row: LotRow) -> Result<Lot, StoreError> {
    let (id, customer, matures_at, expires_at, (partner, rule, recorded_at), parts) = row;
    let (partner, rule) = (types::partner(&partner)?, RuleVersion::built_in(&rule));
    let points = |minor| Amount::from_minor(minor, Asset::PTS);
    let (pending, available, held, redeemed, expired, owed) = parts;
    Ok(Lot {
        id: LotId::from_uuid(types::uuid(&id, "lots.id")?),
        customer: CustomerId::from_uuid(types::uuid(&customer, "lots.customer_id")?),
        matures_at: matures_at.map(types::moment),
        expires_at: expires_at.map(types::moment),
        reported: ReportedBy::of(&partner, &rule, types::moment(recorded_at)),
        stand: LotStand::Free,
        parts: Parts {
            pending: points(pending),
            available: points(available),
            held: points(held),
            redeemed: points(redeemed),
            expired: points(expired),
            owed: points(owed),
        },
    })
}
