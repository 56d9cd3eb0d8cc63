//! Who is calling, and whether they may. Handlers name their caller in their signature
//! (`Caller<Scope>`, `Customer`, `Staff<Role>`); the extractors here do the rest.
//!
//! Tokens go in two directions. We issue tokens to partners ourselves: `token_endpoint`,
//! `client_assertion`, `access_token`, `binding`, `dpop`, `revocation`, `revoked_tokens`,
//! `metadata`. Customers and staff bring tokens that the bank's identity provider issued:
//! `identity_provider`, `issuer_keys`. Staff sign in at the console by `code_flow`, whose ID token
//! `id_token` checks; `local_provider` stands in for the bank's provider in trials, and `local_app` for its app.

pub(in crate::http) mod access_token;
pub mod auth;
pub(in crate::http) mod binding;
pub(in crate::http) mod client_assertion;
pub mod code_flow;
pub(in crate::http) mod dpop;
mod id_token;
pub(in crate::http) mod identity_provider;
pub mod issuer_keys;
pub mod local_app;
pub(in crate::http) mod local_provider;
pub(in crate::http) mod local_provider_pages;
pub(in crate::http) mod metadata;
pub(in crate::http) mod partner_or_staff;
pub(in crate::http) mod revocation;
pub(in crate::http) mod revoked_tokens;
pub(in crate::http) mod signature;
pub mod staff;
pub(in crate::http) mod standing;
pub(in crate::http) mod token_endpoint;
pub mod watch;
