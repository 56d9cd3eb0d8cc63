//! Endpoints that the bank's staff call, each with a role of its own. They correct, decide held
//! referrals, work on tasks, replay dead letters and erase personal data. The act itself stands in
//! the room that it belongs to; a handler here reads the request and writes the answer.

pub(in crate::http) mod announcements;
pub(in crate::http) mod approval_pairs;
pub(in crate::http) mod attachments;
pub(in crate::http) mod bank_breaks;
pub(in crate::http) mod bank_files;
pub(in crate::http) mod breaks;
pub(in crate::http) mod bulk_breaks;
pub(in crate::http) mod corrections;
pub(in crate::http) mod crm_results;
pub(in crate::http) mod customer_stages;
pub(in crate::http) mod dead_letters;
pub(in crate::http) mod erasures;
pub(in crate::http) mod expectations;
pub(in crate::http) mod exposure;
pub(in crate::http) mod flagged_payments;
pub(in crate::http) mod freezes;
pub(in crate::http) mod held;
pub(in crate::http) mod held_events;
pub(in crate::http) mod readings;
mod reason;
pub(in crate::http) mod reconciliation_report;
pub(in crate::http) mod reconciliations;
pub(in crate::http) mod separations;
pub(in crate::http) mod settlement_entries;
pub(in crate::http) mod settlements;
pub(in crate::http) mod statements;
pub(in crate::http) mod tasks;
