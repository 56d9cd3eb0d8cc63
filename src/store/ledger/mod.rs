//! The tables of the books: accounts, transactions and their entries, lots, counters, holds,
//! corrections, seals, and the queries that prove them.

pub mod accounts;
pub mod approval_pairs;
pub mod conduct;
pub mod corrections;
pub mod counters;
pub mod exposures;
pub mod frozen_lots;
pub mod history;
pub mod holds;
pub mod lines;
pub mod lots;
pub mod one_transaction;
pub mod own_history;
pub mod past_figures;
pub mod proof;
mod proof_of_breaks;
mod proof_of_holds;
pub mod refund_charges;
pub mod reports;
pub mod seals;
pub mod transactions;
