//! Who approves whose corrections, and how often.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::StaffId;
use crate::store::schema::corrections;
use crate::store::{Db, StoreError};

/// Two people, and the corrections that one proposed and the other approved.
pub struct ApprovalPair {
    pub proposed_by: StaffId,
    pub approved_by: StaffId,
    pub approvals: i64,
}

/// Pairs since a moment, the most frequent first.
pub fn since(db: &mut Db, since: Moment, rows_max: i64) -> Result<Vec<ApprovalPair>, StoreError> {
    let rows: Vec<(String, Option<String>, i64)> = corrections::table
        .filter(corrections::state.eq("posted"))
        .filter(corrections::approved_by.is_not_null())
        .filter(corrections::closed_at.ge(since.naive()))
        .group_by((corrections::proposed_by, corrections::approved_by))
        .order((
            diesel::dsl::count_star().desc(),
            corrections::proposed_by,
            corrections::approved_by,
        ))
        .limit(rows_max)
        .select((corrections::proposed_by, corrections::approved_by, diesel::dsl::count_star()))
        .load(db)?;
    let id = |text: String| {
        StaffId::try_from(text).map_err(|_invalid| StoreError::Corrupt("corrections.approved_by"))
    };
    rows.into_iter()
        .map(|(proposed_by, approved_by, approvals)| {
            let approved_by = id(approved_by.unwrap_or_default())?;
            Ok(ApprovalPair { proposed_by: id(proposed_by)?, approved_by, approvals })
        })
        .collect()
}
