//! Whether a database is as the schema says.

use diesel::prelude::*;

use super::schema::*;
use super::{Db, StoreError};

/// Asks for no row of every table with all the columns of the schema: an error names what differs.
///
/// # Errors
/// [`StoreError::Refused`] when a table or a column is missing.
pub fn check_columns(db: &mut Db) -> Result<(), StoreError> {
    macro_rules! check {
        ($($table:ident),*) => {
            $(both!(db, connection => $table::table
                .select($table::all_columns)
                .limit(0)
                .execute(connection))?;)*
        };
    }
    check!(
        customers,
        members,
        events,
        accounts,
        transactions,
        entries,
        personal_data,
        consents,
        referrals,
        outbox,
        attempts,
        assertions,
        dpop_proofs,
        revoked_tokens,
        blocks,
        seals,
        corrections,
        partner_changes,
        daily_events,
        idempotency_keys,
        business_keys,
        flagged_payments,
        duplicates,
        signatures,
        signed_contents,
        event_signatures,
        referral_moves,
        referral_rewards
    );
    Ok(())
}
