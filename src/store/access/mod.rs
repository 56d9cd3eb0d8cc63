//! Tables that protect the API: assertions and proofs that may be used once, revoked tokens,
//! idempotency keys, and failed sign-ins at a shop's form.

pub mod form_tries;
pub mod idempotency_keys;
pub mod revoked_tokens;
pub mod single_use;
