//! Lots whose points may not be spent, because the bank has frozen the partner that brought them.

use diesel::prelude::*;

use crate::ids::{CustomerId, LotId};
use crate::store::freezes::Freeze;
use crate::store::schema::lots;
use crate::store::{Db, StoreError, types};

macro_rules! touched_by {
    ($freeze:ident) => {{
        let since = lots::recorded_at.ge($freeze.since.naive());
        let reserved = lots::matures_at.gt($freeze.at.naive()).assume_not_null();
        let reserved = lots::matures_at.is_not_null().and(reserved);
        lots::partner_id.eq($freeze.partner.as_str()).and(since.or(reserved))
    }};
}

/// Lots of these customers that freezes touch: what the partner's events brought since the moment that
/// staff named, and what was under reservation when the partner was frozen.
pub fn frozen(
    db: &mut Db,
    customers: &[CustomerId],
    freezes: &[Freeze],
) -> Result<Vec<LotId>, StoreError> {
    let ids: Vec<&[u8]> = customers.iter().map(|id| id.bytes().as_slice()).collect();
    let mut found = Vec::new();
    for freeze in freezes {
        let rows: Vec<Vec<u8>> = both!(db, db => lots::table
            .filter(lots::customer_id.eq_any(&ids))
            .filter(touched_by!(freeze))
            .select(lots::id)
            .load(db))?;
        for id in rows {
            found.push(LotId::from_uuid(types::uuid(&id, "lots.id")?));
        }
    }
    Ok(found)
}

/// Whether freezes touch one of these lots, as [`frozen`] says.
pub fn are_frozen(db: &mut Db, list: &[LotId], freezes: &[Freeze]) -> Result<bool, StoreError> {
    let ids: Vec<&[u8]> = list.iter().map(|id| id.bytes().as_slice()).collect();
    for freeze in freezes {
        for part in ids.chunks(crate::store::rows_max(4)) {
            let row: Option<Vec<u8>> = both!(db, db => lots::table
                .filter(lots::id.eq_any(part))
                .filter(touched_by!(freeze))
                .select(lots::id)
                .first(db)
                .optional())?;
            if row.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
