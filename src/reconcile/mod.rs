//! Whether the partner's half and ours match: statements come in, are held against our events, and
//! what differs becomes a break that people decide on, two persons for each. What compares is pure
//! ([`matching`]); the acts stand in files of their own.

pub mod break_code;
pub mod break_record;
pub mod breaks;
pub mod closing;
mod findings;
mod found;
pub mod item;
pub mod matching;
mod our_side;
pub mod past_decision;
pub mod payout;
pub mod payouts;
pub mod period;
pub mod proposal;
pub mod refusal;
pub mod run;
pub mod run_order;
pub mod settlement;
pub mod statement;
pub mod statement_file;
pub mod statements;
pub mod subject;
pub mod tally;
