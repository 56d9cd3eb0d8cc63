//! What the system promises, by promise: one module each, all in one binary. Most run on both
//! stores, against a whole service over HTTP, and every one that ends proves the books.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what must be there by taking it"
)]

#[macro_use]
mod harness;

mod access;
mod adjustments;
mod as_of;
mod baskets;
mod business_keys;
mod concurrency;
mod conformance;
mod consent;
mod crash;
mod crm;
mod delivery;
mod exactness;
mod exports;
mod flagged_payments;
mod gateways;
mod idempotency;
mod idempotency_keys;
mod import;
mod leads;
mod liability;
mod limits;
mod listing;
mod lots;
mod model;
mod partners;
mod points;
mod problems;
mod quotes;
mod redemption;
mod reference;
mod refunds;
mod reload;
mod reversals;
mod role;
mod rules;
mod sandbox;
mod seals;
mod settings;
mod signatures;
mod simulate;
mod stores;
mod tenancy;
mod third_party;
mod versions;
