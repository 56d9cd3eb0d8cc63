//! Endpoints that partners' systems call. They post events, files and quotes, read what became of
//! them, and manage their webhook endpoints. The CRM's signed feedback comes in here as well.

pub(in crate::http) mod binary_mode;
pub(in crate::http) mod crm_feedback;
pub(in crate::http) mod events;
pub(in crate::http) mod imports;
pub(in crate::http) mod proofs;
pub(in crate::http) mod quotes;
pub(in crate::http) mod referrals;
pub(in crate::http) mod settlement_attachments;
pub(in crate::http) mod settlement_breaks;
pub(in crate::http) mod settlement_statements;
pub(in crate::http) mod statement_uploads;
pub(in crate::http) mod stream;
pub(in crate::http) mod tus;
mod tus_body;
pub(in crate::http) mod uploads;
pub(in crate::http) mod webhook_deliveries;
pub(in crate::http) mod webhook_endpoints;
