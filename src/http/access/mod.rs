//! Who is calling, and whether they may. Partners come in with an access token of ours, customers
//! and staff with a token of the bank's identity provider. Handlers name their caller in their
//! signature (`Caller<Scope>`, `Customer`, `Staff<Role>`), and the extractors here do the rest.

pub mod auth;
pub(in crate::http) mod bound;
pub(in crate::http) mod client;
pub(in crate::http) mod dpop;
pub(in crate::http) mod either;
pub(in crate::http) mod metadata;
pub(in crate::http) mod oauth;
pub(in crate::http) mod revocation;
pub(in crate::http) mod revoked;
pub(in crate::http) mod signature;
pub(in crate::http) mod staff;
pub(in crate::http) mod token;
pub mod token_issuer;
pub mod watch;
