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
mod adapters;
mod adjustments;
mod as_of;
mod attribution;
mod baskets;
mod behaviour;
mod bodies;
mod business_keys;
mod chaos;
mod concurrency;
mod conformance;
mod consent;
mod corpus;
mod crash;
mod crm;
mod delivery;
mod discretion;
mod erasure;
mod every_operation;
mod exactness;
mod exports;
mod fairness;
mod feedback;
mod flagged_payments;
mod forgotten;
mod gateways;
mod generated_clients;
mod given_back;
mod guards;
mod guide;
mod idempotency;
mod idempotency_keys;
mod identity_providers;
mod import;
mod key_rotation;
mod leads;
mod liability;
mod limits;
mod listing;
mod logs;
mod lots;
mod merchants;
mod model;
mod mtls;
mod notices;
mod oauth;
mod observability;
mod outages;
mod owasp;
mod own_side;
mod partners;
mod payment_files;
mod people;
mod plans;
mod plausible;
mod points;
mod privacy;
mod problems;
mod quotes;
mod quotes_bound;
mod rates;
mod reconcile;
mod reconcile_command;
mod redemption;
mod reference;
mod referrals;
mod refunds;
mod reload;
mod reversals;
mod rewards;
mod role;
mod rules;
mod sandbox;
mod sealed;
mod seals;
mod settings;
mod signatures;
mod simulate;
mod slow_readers;
mod stages;
mod stopped;
mod stores;
mod streams;
mod tasks;
mod tenancy;
mod third_party;
mod uploads;
mod versions;
mod waiting;
mod webhooks;
mod wide_sums;
mod wire_standards;
