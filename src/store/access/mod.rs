//! The tables that guard the doors: assertions and proofs that are good once, revoked tokens,
//! idempotency keys, and failed attempts at a shop's form.

pub mod assertions;
pub mod dpop_proofs;
pub mod form_attempts;
pub mod idempotency_keys;
pub mod revoked_tokens;
