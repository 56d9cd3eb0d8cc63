//! Compares the tables of a database with the schema.

use diesel::prelude::*;

use super::schema::*;
use super::{Db, StoreError};

macro_rules! check {
    ($db:expr; $($table:ident),*) => {
        $(both!($db, connection => $table::table
            .select($table::all_columns)
            .limit(0)
            .execute(connection))?;)*
    };
}

/// Selects all columns of every table, and no row. The error names what is missing.
///
/// # Errors
/// [`StoreError::Refused`] when a table or a column is missing.
pub fn check_columns(db: &mut Db) -> Result<(), StoreError> {
    check_follow_up(db)?;
    check_reconcile(db)?;
    check!(
        db;
        test_clocks,
        observations,
        conformance_runs,
        customers,
        members,
        events,
        accounts,
        transactions,
        entries,
        daily_events,
        partner_changes,
        counters,
        counted,
        lines,
        quotes,
        codes,
        holds,
        lots,
        referrals,
        outbox,
        attempts,
        webhook_endpoints,
        assertions,
        revoked_tokens,
        dpop_proofs,
        blocks,
        seals,
        corrections,
        idempotency_keys,
        flagged_payments,
        exposures,
        conduct,
        held_events,
        released_events,
        freezes,
        history_imports,
        business_keys,
        duplicates,
        signatures,
        signed_contents,
        event_signatures,
        crm_watermarks,
        crm_messages,
        notices,
        notice_opt_outs,
        imports,
        import_parts,
        import_rejects,
        form_tries,
        referral_moves,
        referral_rewards,
        customer_contacts,
        behaviour_evaluations,
        referral_claims,
        referral_sightings,
        personal_data,
        consents,
        withdrawals,
        readings,
        erasures,
        write_probe
    );
    Ok(())
}

fn check_follow_up(db: &mut Db) -> Result<(), StoreError> {
    check!(
        db;
        announcements,
        announcement_notices,
        customer_stages,
        customer_stage_moves,
        follow_ups,
        tasks
    );
    Ok(())
}

fn check_reconcile(db: &mut Db) -> Result<(), StoreError> {
    check!(
        db;
        statements,
        statement_lines,
        reconciliations,
        matches,
        breaks,
        break_subjects,
        break_proposals,
        break_notes,
        settlements,
        bank_break_proposals,
        bank_breaks,
        bank_entries,
        bank_files,
        payout_moves,
        payouts,
        settlement_answers
    );
    Ok(())
}
