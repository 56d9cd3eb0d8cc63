//! What every request passes through, whoever sends it: TLS, slow bodies, headers, versions,
//! request ids, rate limits, entity tags and idempotency keys. Nothing here knows a business rule
//! or a particular endpoint.

pub(in crate::http) mod conditional;
pub(in crate::http) mod hardening;
pub(in crate::http) mod idempotency;
pub(in crate::http) mod limit;
pub mod long_work;
pub(in crate::http) mod media;
pub(in crate::http) mod method;
pub(in crate::http) mod noted;
pub(in crate::http) mod once;
pub(in crate::http) mod open_streams;
pub mod page;
pub mod paths;
pub(in crate::http) mod request_id;
pub(in crate::http) mod slow_body;
pub mod slow_reader;
pub mod tls;
pub(in crate::http) mod version;
