//! What the system promises, by promise: one module each, all in one binary. Most run on both
//! stores, against a whole service over HTTP, and every one that ends proves the books.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what must be there by taking it"
)]

#[macro_use]
mod harness;

mod access;
mod consent;
mod exactness;
mod idempotency;
mod import;
mod listing;
mod points;
mod problems;
mod refunds;
mod stores;
mod tenancy;
