//! Figures of exposure and counts of payments whose period is long over. Nothing reads them any more.

use chrono::NaiveDate;
use diesel::prelude::*;

use crate::store::schema::{conduct, exposures};
use crate::store::{Db, LedgerTx, StoreError};

macro_rules! delete_before {
    ($tx:expr, $table:ident, $before:expr, $rows_max:expr) => {{
        let ids: Vec<Vec<u8>> = both!($tx.0, db => $table::table
            .filter($table::period.lt($before))
            .order($table::period)
            .limit($rows_max)
            .select($table::id)
            .load(db))?;
        let mut deleted = 0_usize;
        for part in ids.chunks(crate::store::rows_max(1)) {
            let past = $table::table.filter($table::id.eq_any(part));
            deleted = deleted.saturating_add(both!($tx.0, db => diesel::delete(past).execute(db))?);
        }
        deleted
    }};
}

/// Deletes some of those whose period began before a day, up to a number of each. The database refuses a
/// day within the last 90.
pub fn forget(db: &mut Db, before: NaiveDate, rows_max: i64) -> Result<usize, StoreError> {
    let before = before.to_string();
    db.write(|tx: &mut LedgerTx<'_>| {
        let figures = delete_before!(tx, exposures, before.as_str(), rows_max);
        let counts = delete_before!(tx, conduct, before.as_str(), rows_max);
        Ok(figures.saturating_add(counts))
    })
}
