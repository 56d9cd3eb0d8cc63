//! What every request passes through, whoever sends it. TLS, slow bodies, headers, versions,
//! request ids, rate limits, entity tags, idempotency keys, health and metrics stand here.
//! Nothing here knows a business rule or a particular endpoint.

pub(in crate::http) mod conditional;
pub(in crate::http) mod hardening;
pub(in crate::http) mod health;
pub(in crate::http) mod idempotency;
pub(in crate::http) mod limit;
pub(in crate::http) mod metrics;
pub(in crate::http) mod page;
pub(in crate::http) mod request_id;
pub(in crate::http) mod slow_body;
pub mod tls;
pub(in crate::http) mod version;
