//! The runs of the conformance kit, with their reports.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::store::schema::conformance_runs;
use crate::store::{Db, LedgerTx, StoreError};

/// One run of the kit.
pub struct Run<'a> {
    pub partner: &'a PartnerId,
    pub recorded_at: Moment,
    pub passed: bool,
    /// The report, as JSON.
    pub report: &'a str,
}

const PASSED: &str = "passed";
const FAILED: &str = "failed";

/// Stores a run.
pub fn insert(tx: &mut LedgerTx<'_>, run: &Run<'_>) -> Result<(), StoreError> {
    let id = uuid::Uuid::now_v7();
    let row = (
        conformance_runs::id.eq(id.as_bytes().as_slice()),
        conformance_runs::partner_id.eq(run.partner.as_str()),
        conformance_runs::recorded_at.eq(run.recorded_at.naive()),
        conformance_runs::outcome.eq(if run.passed { PASSED } else { FAILED }),
        conformance_runs::report.eq(run.report),
    );
    both!(tx.0, db => diesel::insert_into(conformance_runs::table).values(&row).execute(db))?;
    Ok(())
}

/// Whether the partner passed its last run since that time. `None`: there was no run.
pub fn last_since(
    db: &mut Db,
    partner: &PartnerId,
    from: Moment,
) -> Result<Option<bool>, StoreError> {
    let outcome: Option<String> = conformance_runs::table
        .filter(conformance_runs::partner_id.eq(partner.as_str()))
        .filter(conformance_runs::recorded_at.ge(from.naive()))
        .order((conformance_runs::recorded_at.desc(), conformance_runs::id.desc()))
        .select(conformance_runs::outcome)
        .first(db)
        .optional()?;
    Ok(outcome.map(|outcome| outcome == PASSED))
}
