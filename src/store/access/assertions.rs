//! Client assertions seen, so that none is taken twice (RFC 7523, section 3, `jti`).

use aws_lc_rs::digest;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::schema::assertions;
use crate::store::{LedgerTx, StoreError};

#[derive(Insertable)]
#[diesel(table_name = assertions, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    expires_at: NaiveDateTime,
}

/// Remembers a partner's assertion until it expires; `false` when it has been seen before.
pub fn claim(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    jti: &str,
    expires_at: Moment,
) -> Result<bool, StoreError> {
    let id = id(partner, jti);
    let row = Row { id: id.as_ref(), partner_id: partner.as_str(), expires_at: expires_at.naive() };
    let inserted = both!(tx.0, db => diesel::insert_into(assertions::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(inserted == 1)
}

/// Forgets up to `rows_max` assertions that have expired; returns how many.
pub fn forget_expired(
    tx: &mut LedgerTx<'_>,
    now: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = assertions::table
        .filter(assertions::expires_at.le(now.naive()))
        .order(assertions::expires_at)
        .limit(rows_max)
        .select(assertions::id)
        .load(tx.0)?;
    let mut forgotten = 0_usize;
    for part in ids.chunks(crate::store::rows_max(1)) {
        let expired = assertions::table.filter(assertions::id.eq_any(part));
        forgotten = forgotten.saturating_add(diesel::delete(expired).execute(tx.0)?);
    }
    Ok(forgotten)
}

/// SHA-256 of both, each with its length before it, so that text cannot move between them.
fn id(partner: &PartnerId, jti: &str) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [partner.as_str(), jti] {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::database_url::DatabaseUrl;
    use crate::store::{migrate, open};

    #[test]
    fn an_assertion_is_claimed_once_by_each_partner_until_it_is_forgotten() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("tally.db");
        let url = DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
        let mut db = open(&url).unwrap();
        migrate(&mut db).unwrap();
        let now = Moment::parse("2026-11-02T10:00:00.5Z").unwrap();
        let expires_at = now.plus(TimeDelta::seconds(60));
        let basket = PartnerId::try_from("green-basket").unwrap();
        let travel = PartnerId::try_from("sunny-travel").unwrap();
        let mut claimed = |partner: &PartnerId, jti: &str| {
            db.write(|tx| claim(tx, partner, jti, expires_at)).unwrap()
        };
        assert!(claimed(&basket, "a-1"));
        assert!(!claimed(&basket, "a-1"));
        assert!(claimed(&basket, "a-2"));
        assert!(claimed(&travel, "a-1"));
        let mut forgotten = |at, rows_max| db.write(|tx| forget_expired(tx, at, rows_max)).unwrap();
        assert_eq!(forgotten(now, 10), 0);
        assert_eq!(forgotten(expires_at, 2), 2);
        assert_eq!(forgotten(expires_at, 2), 1);
        assert_eq!(forgotten(expires_at, 2), 0);
    }
}
