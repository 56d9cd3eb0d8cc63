//! Getting messages out of the database and to where they belong: at least once from here, and once
//! in effect because whoever gets them can tell a message by its id. One relay serves every channel
//! (`send`); a destination has its own rate, number of messages at once, circuit breaker and
//! backoff (`lane`). Rows are claimed under a lease; whoever dies holding one loses it when the
//! lease ends.
//!
//! To put something in line, in the transaction that is the reason for it:
//!
//! | what | call |
//! |---|---|
//! | the first of a lead | `outbox::insert(tx, &[NewMessage::lead(referral, OrderKey::of_person(&phone_index))], now)` |
//! | a lead has changed | `outbox::lead_changed(tx, referral, now)` |
//! | consent is withdrawn | `outbox::consent_withdrawn(tx, referral, now)` |
//! | nothing more about a subject | `outbox::cancel(tx, destination, subject, now)` |
//! | anything else | `outbox::insert(tx, &[NewMessage { … }], now)`, with `outbox::next_revision` |
//!
//! All of them are `crate::store::outbox`. A message says its subject, and what it says is read
//! when it goes out; only what cannot be read then stands in its `body`, and never personal data.
//! A new kind of message is a line in `store/outbox/message.rs` and an arm in `send.rs`. Messages of
//! a channel for which a gateway has no settings wait.

mod backoff;
pub mod breaker;
mod crm;
mod failure;
mod lane;
mod notices;
pub mod relay;
pub mod replay;
mod send;

pub use crm::CrmSender;
pub use failure::Failure;
pub use notices::{NoticeSender, NoticeWay};
pub use send::{Senders, Sent};
