//! What may be used once: client assertions (RFC 7523, section 3, `jti`) and DPoP proofs (RFC 9449,
//! section 11.1). Each has a table of the ids that were used, on whichever gateway.

use aws_lc_rs::digest;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::schema::{assertions, dpop_proofs};
use crate::store::{LedgerTx, StoreError};

/// Records a partner's assertion. `false`: this assertion was used before. The row may be deleted
/// after `expires_at`.
pub fn claim_assertion(
    tx: &mut LedgerTx<'_>,
    partner: &PartnerId,
    jti: &str,
    expires_at: Moment,
) -> Result<bool, StoreError> {
    let id = digest_of(partner.as_str(), jti);
    let row = (
        assertions::id.eq(id.as_ref()),
        assertions::partner_id.eq(partner.as_str()),
        assertions::expires_at.eq(expires_at.naive()),
    );
    let inserted = both!(tx.0, db => diesel::insert_into(assertions::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(inserted == 1)
}

/// Records a DPoP proof of the key with that thumbprint. `false`: this proof was used before. The
/// row may be deleted after `expires_at`.
pub fn claim_proof(
    tx: &mut LedgerTx<'_>,
    thumbprint: &str,
    jti: &str,
    expires_at: Moment,
) -> Result<bool, StoreError> {
    let id = digest_of(thumbprint, jti);
    let row = (dpop_proofs::id.eq(id.as_ref()), dpop_proofs::expires_at.eq(expires_at.naive()));
    let inserted = both!(tx.0, db => diesel::insert_into(dpop_proofs::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(inserted == 1)
}

/// Deletes up to `rows_max` rows of a table that expired by `past`, and gives their number.
macro_rules! forget_expired {
    ($name:ident, $table:ident, $doc:literal) => {
        #[doc = $doc]
        pub fn $name(
            tx: &mut LedgerTx<'_>,
            past: Moment,
            rows_max: i64,
        ) -> Result<usize, StoreError> {
            let ids: Vec<Vec<u8>> = $table::table
                .filter($table::expires_at.le(past.naive()))
                .order($table::expires_at)
                .limit(rows_max)
                .select($table::id)
                .load(tx.0)?;
            let mut deleted = 0_usize;
            for part in ids.chunks(crate::store::rows_max(1)) {
                let expired = $table::table.filter($table::id.eq_any(part));
                deleted = deleted.saturating_add(diesel::delete(expired).execute(tx.0)?);
            }
            Ok(deleted)
        }
    };
}

forget_expired!(
    forget_assertions,
    assertions,
    "Deletes up to `rows_max` assertions that expired by `past`, earliest first, and gives \
     their number."
);
forget_expired!(
    forget_proofs,
    dpop_proofs,
    "Deletes up to `rows_max` DPoP proofs that expired by `past`, earliest first, and gives \
     their number."
);

/// The SHA-256 of both texts, each with its length before it, so that no text can move from one to
/// the other.
fn digest_of(owner: &str, jti: &str) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [owner, jti] {
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
    use crate::store::{Db, migrate, open};

    fn migrated(folder: &tempfile::TempDir) -> Db {
        let path = folder.path().join("tally.db");
        let url = DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
        let mut db = open(&url).unwrap();
        migrate(&mut db).unwrap();
        db
    }

    #[test]
    fn an_assertion_is_claimed_once_by_each_partner_until_it_is_forgotten() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut db = migrated(&folder);
        let now = Moment::parse("2026-11-02T10:00:00.5Z").unwrap();
        let expires_at = now.plus(TimeDelta::seconds(60));
        let basket = PartnerId::try_from("green-basket").unwrap();
        let travel = PartnerId::try_from("sunny-travel").unwrap();
        let mut claimed = |partner: &PartnerId, jti: &str| {
            db.write(|tx| claim_assertion(tx, partner, jti, expires_at)).unwrap()
        };
        assert!(claimed(&basket, "a-1"));
        assert!(!claimed(&basket, "a-1"));
        assert!(claimed(&basket, "a-2"));
        assert!(claimed(&travel, "a-1"));
        let mut forgotten =
            |at, rows_max| db.write(|tx| forget_assertions(tx, at, rows_max)).unwrap();
        assert_eq!(forgotten(now, 10), 0);
        assert_eq!(forgotten(expires_at, 2), 2);
        assert_eq!(forgotten(expires_at, 2), 1);
        assert_eq!(forgotten(expires_at, 2), 0);
    }

    #[test]
    fn a_proof_is_taken_once_for_each_key_until_it_is_forgotten() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut db = migrated(&folder);
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let until = now.plus(TimeDelta::seconds(60));
        let mut claimed =
            |key: &str, jti: &str| db.write(|tx| claim_proof(tx, key, jti, until)).unwrap();
        assert!(claimed("key-1", "a"));
        assert!(!claimed("key-1", "a"));
        assert!(claimed("key-1", "b"));
        assert!(claimed("key-2", "a"));
        let mut forgotten = |at| db.write(|tx| forget_proofs(tx, at, 2)).unwrap();
        assert_eq!((forgotten(now), forgotten(until), forgotten(until)), (0, 2, 1));
    }
}
