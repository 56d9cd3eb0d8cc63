//! Delivers messages from the database to their destinations. A message is sent at least once; it
//! takes effect once, because the receiver knows a message by its id. One relay serves every
//! channel (`send`). Each destination has its own rate, number of messages at once, circuit breaker
//! and backoff (`lane`). Rows are claimed under a lease; if a relay dies, its claims end with the
//! lease.
//!
//! To queue a message, in the transaction that is the reason for it:
//!
//! | what | call |
//! |---|---|
//! | the first message of a lead | `outbox::insert(tx, &[NewMessage::lead(referral, OrderKey::of_person(&phone_index))], now)` |
//! | a lead has changed | `outbox::lead_changed(tx, referral, now)` |
//! | a consent is withdrawn | `outbox::consent_withdrawn(tx, referral, now)` |
//! | nothing more about a subject | `outbox::cancel(tx, destination, subject, now)` |
//! | a message that may be queued already | `outbox::insert_once(tx, &NewMessage { … }, now)` |
//! | any other message | `outbox::insert(tx, &[NewMessage { … }], now)`, with `outbox::next_revision` |
//!
//! All of them are in `crate::store::outbox`. A message names its subject, and the content is read
//! when the message is sent. Only what cannot be read then stands in its `body`, and never personal
//! data. A new kind of message is a line in `store/outbox/message.rs` and an arm in `send.rs`.
//! Messages wait if the gateway has no settings for their channel.

mod backoff;
pub mod board;
pub mod breaker;
mod crm;
mod failure;
mod lane;
mod notices;
mod places;
pub mod relay;
pub mod replay;
mod send;
mod sent;
mod signed_post;

pub use crm::CrmSender;
pub use failure::Failure;
pub use notices::{NoticeSender, NoticeWay};
pub use send::Senders;
pub use sent::Sent;
pub use signed_post::{SignedPost, Unusable};
