//! Tallystick: a partner-integration gateway and loyalty ledger for a bank. `docs/architecture.md`
//! is the map of its rooms. The first lines of each room's `mod.rs` say what it holds.

pub mod app;
pub mod behaviour;
pub mod books;
pub mod cli;
pub mod clock;
pub mod crm;
pub mod customer;
pub mod database_url;
pub mod due;
pub mod event;
pub mod fold;
pub mod follow_up;
pub mod http;
pub mod ids;
pub mod intake;
pub mod jwt;
pub mod ledger;
pub mod money;
pub mod notice;
pub mod observations;
pub mod outbox;
pub mod partner;
pub mod program;
pub mod referral;
pub mod secrets;
pub mod settings;
pub mod spreadsheet;
pub mod store;
pub mod task;
pub mod telemetry;
pub mod template;
pub mod text;
pub mod trace_parent;
pub mod webhook;
pub mod writer;
