//! Whose points they are. A customer is known to each partner by another member reference; what
//! is personal is sealed here and nowhere else, and what a person agreed to is a record.

mod author;
mod blind_index;
pub mod certificate;
pub mod consent_receipt;
pub mod erasure;
pub mod export;
pub mod personal;
pub mod reading;
pub mod retention;

pub use author::Author;
pub use personal::{PersonalKeys, Sealed};
pub use reading::{Reader, Reading, Subject};
