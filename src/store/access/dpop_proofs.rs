//! DPoP proofs seen, so that none is taken twice on whichever gateway (RFC 9449, section 11.1).

use aws_lc_rs::digest;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::store::schema::dpop_proofs;
use crate::store::{LedgerTx, StoreError};

#[derive(Insertable)]
#[diesel(table_name = dpop_proofs, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    expires_at: NaiveDateTime,
}

/// Remembers a key's proof until it is too old to be taken; `false` when it has been seen before.
pub fn claim(
    tx: &mut LedgerTx<'_>,
    thumbprint: &str,
    jti: &str,
    expires_at: Moment,
) -> Result<bool, StoreError> {
    let mut context = digest::Context::new(&digest::SHA256);
    // Each with its length before it, so that text cannot move between them.
    for part in [thumbprint, jti] {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    let id = context.finish();
    let row = Row { id: id.as_ref(), expires_at: expires_at.naive() };
    let inserted = both!(tx.0, db => diesel::insert_into(dpop_proofs::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(inserted == 1)
}

/// Forgets up to `rows_max` that are too old to be taken; returns how many.
pub fn forget_expired(
    tx: &mut LedgerTx<'_>,
    now: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = dpop_proofs::table
        .filter(dpop_proofs::expires_at.le(now.naive()))
        .order(dpop_proofs::expires_at)
        .limit(rows_max)
        .select(dpop_proofs::id)
        .load(tx.0)?;
    let mut forgotten = 0_usize;
    for part in ids.chunks(crate::store::rows_max(1)) {
        let expired = dpop_proofs::table.filter(dpop_proofs::id.eq_any(part));
        forgotten = forgotten.saturating_add(diesel::delete(expired).execute(tx.0)?);
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::database_url::DatabaseUrl;
    use crate::store::{migrate, open};

    #[test]
    fn a_proof_is_taken_once_for_each_key_until_it_is_forgotten() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("tally.db");
        let url = DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
        let mut db = open(&url).unwrap();
        migrate(&mut db).unwrap();
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let until = now.plus(TimeDelta::seconds(60));
        let mut claimed = |key: &str, jti: &str| db.write(|tx| claim(tx, key, jti, until)).unwrap();
        assert!(claimed("key-1", "a"));
        assert!(!claimed("key-1", "a"));
        assert!(claimed("key-1", "b"));
        assert!(claimed("key-2", "a"));
        let mut forgotten = |at| db.write(|tx| forget_expired(tx, at, 2)).unwrap();
        assert_eq!((forgotten(now), forgotten(until), forgotten(until)), (0, 2, 1));
    }
}
