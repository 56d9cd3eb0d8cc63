//! Accounting itself: accounts, postings and transactions that cannot but balance. Pure, but for
//! [`verify`] and [`seal`], which work on the store. What an event is worth is `program`'s; writing
//! down is `store`'s.

pub mod account;
pub mod chain;
pub mod leaf;
pub mod posting;
pub mod receipt;
pub mod seal;
pub mod transaction;
pub mod verify;

pub use account::{Account, AccountCode, Owner};
pub use posting::{Posting, RuleVersion};
pub use receipt::Receipt;
pub use transaction::{Transaction, Unbalanced};
