//! Counts of partners' payments by period, under a lock of their own: of two gateways each sees what the
//! other counted.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Text};

use crate::ids::ConductKey;
use crate::program::{ConductPeriod, Tally};
use crate::store::schema::conduct;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = conduct)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    period: &'a str,
    tally: &'a str,
}

impl<'a> Row<'a> {
    fn new(period: &'a ConductPeriod, tally: &'a str) -> Self {
        Self {
            id: period.key.bytes(),
            partner_id: period.partner.as_str(),
            period: &period.period,
            tally,
        }
    }
}

/// Holds the counts of the present until the transaction ends, in the order of their keys, and reads
/// them and those of the past.
pub fn lock_and_load(
    tx: &mut LedgerTx<'_>,
    present: &BTreeMap<ConductKey, ConductPeriod>,
    past: &BTreeSet<ConductKey>,
) -> Result<Vec<(ConductKey, Tally)>, StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        // Counts that nothing was added to have no row yet that could be held.
        let rows: Vec<Row<'_>> = present.values().map(|period| Row::new(period, "{}")).collect();
        insert_arrays(db, &rows, "DO NOTHING")?;
        let ids: Vec<&[u8]> = column!(rows, id);
        conduct::table
            .filter(conduct::id.eq_any(&ids))
            .order(conduct::id)
            .select(conduct::id)
            .for_no_key_update()
            .load::<Vec<u8>>(db)?;
    }
    let keys: Vec<&[u8]> = present.keys().chain(past).map(|key| key.bytes().as_slice()).collect();
    let mut found = Vec::with_capacity(keys.len());
    for part in keys.chunks(crate::store::rows_max(1)) {
        let rows: Vec<(Vec<u8>, String)> = both!(tx.0, db => conduct::table
            .filter(conduct::id.eq_any(part))
            .select((conduct::id, conduct::tally))
            .load(db))?;
        for (id, tally) in rows {
            let key = ConductKey::from_bytes(types::bytes16(&id, "conduct.id")?);
            let tally = serde_json::from_str(&tally);
            found.push((key, tally.map_err(|_bad| StoreError::Corrupt("conduct.tally"))?));
        }
    }
    Ok(found)
}

/// Writes counts that have changed. They must be locked.
pub fn save(tx: &mut LedgerTx<'_>, list: &[(ConductPeriod, Tally)]) -> Result<(), StoreError> {
    let texts = list.iter().map(|(_period, tally)| serde_json::to_string(tally));
    let texts: Vec<String> =
        texts.collect::<Result<_, _>>().map_err(|_bad| StoreError::Corrupt("conduct.tally"))?;
    let rows: Vec<Row<'_>> =
        list.iter().zip(&texts).map(|((period, _tally), text)| Row::new(period, text)).collect();
    match &mut *tx.0 {
        Db::Postgres(db) => insert_arrays(db, &rows, "(id) DO UPDATE SET tally = excluded.tally")?,
        Db::Sqlite(db) => {
            for row in &rows {
                diesel::insert_into(conduct::table)
                    .values(row)
                    .on_conflict(conduct::id)
                    .do_update()
                    .set(conduct::tally.eq(row.tally))
                    .execute(db)?;
            }
        }
    }
    Ok(())
}

fn insert_arrays(db: &mut PgConnection, rows: &[Row<'_>], on_conflict: &str) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    diesel::sql_query(format!(
        "INSERT INTO conduct (id, partner_id, period, tally) \
         SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT {on_conflict}"
    ))
    .bind::<Array<Binary>, _>(column!(rows, id))
    .bind::<Array<Text>, _>(column!(rows, partner_id))
    .bind::<Array<Text>, _>(column!(rows, period))
    .bind::<Array<Text>, _>(column!(rows, tally))
    .execute(db)?;
    Ok(())
}
