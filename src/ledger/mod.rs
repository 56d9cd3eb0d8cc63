//! Accounting itself: accounts, postings, and transactions that always balance. Pure, but for
//! [`verify`], [`seal`], [`as_of`], [`board`], [`export`], [`liability`] and [`outstanding`], which work on the
//! store. What an event is worth is `program`'s; writing down is `store`'s.

pub mod account;
pub mod as_of;
pub mod board;
pub mod breakage;
pub mod chain;
pub mod cutoff;
pub mod export;
pub mod kinds;
pub mod leaf;
pub mod liability;
pub mod outstanding;
pub mod posting;
pub mod receipt;
pub mod seal;
pub mod total;
pub mod transaction;
pub mod verify;

pub use account::{Account, AccountCode, Owner};
pub use cutoff::Cutoff;
pub use kinds::TransactionKind;
pub use posting::{Posting, RuleVersion};
pub use receipt::Receipt;
pub use total::Total;
pub use transaction::{Transaction, Unbalanced};
