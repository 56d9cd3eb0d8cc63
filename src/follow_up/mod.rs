//! What becomes of a customer beyond the lead: how far they have come (`stage`), what their customer
//! manager is to do and by when (`task`), and the chore that sees to both.

pub mod chore;
mod spend;
pub mod stage;
pub mod task;

pub use stage::Stage;
