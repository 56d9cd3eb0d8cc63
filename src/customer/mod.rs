//! Whose points they are. A customer is known to each partner by another member reference; what
//! is personal is sealed here and nowhere else, and what a person agreed to is a record.

pub mod keys;
pub mod personal;
pub mod token_keys;

pub use personal::{PersonalKeys, Sealed};
