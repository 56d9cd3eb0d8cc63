//! Tables that protect the API: assertions and proofs that may be used once, revoked tokens,
//! idempotency keys, failed sign-ins at a shop's form, and who is signed in at the console and at the wallet.

pub mod console_sessions;
pub mod form_tries;
pub mod idempotency_keys;
pub mod revoked_tokens;
pub mod single_use;
pub mod wallet_sessions;
