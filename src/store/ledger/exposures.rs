//! What partners cost the bank by limit and period. A figure is a sum that only rises, under a lock of
//! its own: of two gateways that race for the rest of a limit one gets it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use crate::ids::{ExposureKey, PartnerId};
use crate::program::{Exposed, ExposureBucket};
use crate::store::schema::exposures;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = exposures, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    rule: &'a str,
    customer_id: Option<&'a [u8]>,
    period: &'a str,
    amount: i64,
}

impl<'a> Row<'a> {
    fn new(bucket: &'a ExposureBucket, amount: i64) -> Self {
        Self {
            id: bucket.key.bytes(),
            partner_id: bucket.partner.as_str(),
            rule: bucket.rule.as_str(),
            customer_id: bucket.customer.as_ref().map(|customer| customer.bytes().as_slice()),
            period: &bucket.period,
            amount,
        }
    }
}

/// Holds the figures that customers share until the transaction ends, in the order of their keys, and
/// reads all of them. Those of one customer are held by the customer's own lock.
pub fn lock_and_load(
    tx: &mut LedgerTx<'_>,
    needed: &BTreeMap<ExposureKey, ExposureBucket>,
) -> Result<Vec<(ExposureKey, i64)>, StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        let shared = needed.values().filter(|bucket| bucket.customer.is_none());
        let rows: Vec<Row<'_>> = shared.map(|bucket| Row::new(bucket, 0)).collect();
        // A figure to which nothing was added has no row yet that could be held.
        add_arrays(db, &rows)?;
        let ids: Vec<&[u8]> = column!(rows, id);
        exposures::table
            .filter(exposures::id.eq_any(&ids))
            .order(exposures::id)
            .select(exposures::id)
            .for_no_key_update()
            .load::<Vec<u8>>(db)?;
    }
    let keys: Vec<&[u8]> = needed.keys().map(|key| key.bytes().as_slice()).collect();
    let mut found = Vec::with_capacity(keys.len());
    for part in keys.chunks(crate::store::rows_max(1)) {
        let rows: Vec<(Vec<u8>, i64)> = both!(tx.0, db => exposures::table
            .filter(exposures::id.eq_any(part))
            .select((exposures::id, exposures::amount))
            .load(db))?;
        for (id, amount) in rows {
            let id = types::bytes16(&id, "exposures.id")?;
            found.push((ExposureKey::from_bytes(id), amount));
        }
    }
    Ok(found)
}

/// Adds what events cost. Their figures must be locked.
///
/// # Errors
/// [`StoreError::OutOfRange`] when a figure would leave the range.
pub fn apply<'a>(
    tx: &mut LedgerTx<'_>,
    list: impl Iterator<Item = &'a Exposed>,
) -> Result<(), StoreError> {
    let mut sums: BTreeMap<[u8; 16], (&ExposureBucket, i64)> = BTreeMap::new();
    for Exposed { bucket, amount } in list {
        let (_bucket, sum) = sums.entry(*bucket.key.bytes()).or_insert((bucket, 0));
        *sum = sum.checked_add(*amount).ok_or(StoreError::OutOfRange)?;
    }
    let rows: Vec<Row<'_>> =
        sums.values().map(|(bucket, amount)| Row::new(bucket, *amount)).collect();
    match &mut *tx.0 {
        Db::Postgres(db) => Ok(add_arrays(db, &rows)?),
        Db::Sqlite(db) => {
            for row in &rows {
                let begun = diesel::update(exposures::table.find(row.id));
                let amount = exposures::amount.eq(exposures::amount + row.amount);
                if begun.set(amount).execute(db)? == 0 {
                    diesel::insert_into(exposures::table).values(row).execute(db)?;
                }
            }
            Ok(())
        }
    }
}

fn add_arrays(db: &mut PgConnection, rows: &[Row<'_>]) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO exposures (id, partner_id, rule, customer_id, period, amount) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET amount = exposures.amount + excluded.amount \
         WHERE excluded.amount > 0",
    )
    .bind::<Array<Binary>, _>(column!(rows, id))
    .bind::<Array<Text>, _>(column!(rows, partner_id))
    .bind::<Array<Text>, _>(column!(rows, rule))
    .bind::<Array<Nullable<Binary>>, _>(column!(rows, customer_id))
    .bind::<Array<Text>, _>(column!(rows, period))
    .bind::<Array<BigInt>, _>(column!(rows, amount))
    .execute(db)?;
    Ok(())
}

/// The figures of a partner by these keys.
pub fn figures(
    db: &mut Db,
    partner: &PartnerId,
    keys: &[ExposureKey],
) -> Result<Vec<(ExposureKey, i64)>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, i64)> = both!(db, db => exposures::table
        .filter(exposures::partner_id.eq(partner.as_str()))
        .filter(exposures::id.eq_any(&ids))
        .select((exposures::id, exposures::amount))
        .load(db))?;
    let read = |(id, amount): (Vec<u8>, i64)| {
        Ok((ExposureKey::from_bytes(types::bytes16(&id, "exposures.id")?), amount))
    };
    rows.into_iter().map(read).collect()
}
