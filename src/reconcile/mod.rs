//! Whether the partner's half and ours match: statements come in, are held against our events, and
//! what differs becomes a break that people decide on, two persons for each. What compares is pure
//! ([`matching`]); the acts stand in files of their own.

pub mod bank;
pub mod bank_breaks;
pub mod bank_files;
pub mod break_code;
pub mod break_record;
pub mod breaks;
pub mod closing;
pub mod crm_results;
pub mod expectations;
pub mod expected;
pub mod export_error;
mod findings;
mod found;
pub mod item;
pub mod matching;
pub mod month_board;
mod our_side;
pub mod past_decision;
pub mod payout;
pub mod payouts;
pub mod period;
pub mod proposal;
pub mod refusal;
pub mod replay;
pub mod report;
pub mod run;
pub mod run_order;
pub mod settled_entries;
pub mod settled_entry;
pub mod settlement;
pub mod settlement_answer;
pub mod settlement_answers;
pub mod sheet;
mod sides;
pub mod statement;
pub mod statement_check;
pub mod statement_export;
pub mod statement_file;
pub mod statement_lines;
pub mod statement_pdf;
mod statement_trailer;
pub mod statements;
pub mod subject;
pub mod tally;
pub mod tax;
