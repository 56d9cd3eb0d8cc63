//! Customers, and people's personal data. Partners know a customer by different member references.
//! Personal data is sealed here and nowhere else. What people and staff may do with it stands here,
//! one file an act.

mod author;
mod blind_index;
pub mod certificate;
pub mod codes;
pub mod consent_receipt;
pub mod consents;
pub mod contact;
pub mod contact_data;
pub mod erasure;
pub mod erasure_record;
pub mod export;
pub mod members;
pub mod own_referrals;
pub mod own_side;
pub mod person_data;
pub mod personal;
pub mod points;
pub mod reading;
pub mod redemptions;
pub mod refusal;
pub mod rejected_lines;
pub mod requester;
pub mod retention;
pub mod wallet_sessions;

pub use author::Author;
pub use personal::{PersonalKeys, Sealed};
pub use reading::{DataReader, DataSubject, Reading};
