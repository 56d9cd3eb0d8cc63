//! The rules as data: those of each partner's scheme, and those of the bank's own programme. They
//! are parsed here; `program` and the other rooms decide by them.

pub mod attribution;
pub mod bank_account;
pub mod behaviour;
pub mod condition;
pub mod consent_text;
pub mod earning;
pub mod exposure;
mod expression;
pub(in crate::partner) mod expression_types;
pub mod follow_up;
pub mod lead;
pub mod limits;
pub mod matching;
pub mod notice;
pub(in crate::partner) mod pattern;
pub mod payment_pattern;
pub mod programme;
pub mod redemption;
pub mod referral_limits;
pub mod referral_pattern;
pub mod retention;
pub mod reward;
pub mod scheme;
pub mod settlement;
pub mod staff;
pub mod tax;
pub mod terms;
