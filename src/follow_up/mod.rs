//! Following customers up beyond the lead: how far they have come (`stage`), what their customer
//! manager is to do and by when (`task`), how staff close a task (`closing`), and the chore that
//! keeps all of it up to date.

pub mod chore;
pub mod closing;
mod spend;
pub mod stage;
pub mod task;

pub use stage::CustomerStage;
