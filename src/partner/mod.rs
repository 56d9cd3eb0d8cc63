//! Who may speak, and what was agreed with them. A partner is a folder. Its manifest is parsed once
//! into the values here, and the core takes only those. `proof` is how a partner proves who it
//! is, `rules` are its rules and the bank's as data; `program` decides by them.

pub mod access;
pub mod file_map;
pub mod form;
pub mod kind;
pub mod lifecycle;
pub mod listing;
pub mod manifest;
pub mod move_clock;
pub mod pin_tries;
mod place;
mod proof;
pub mod registry;
pub mod reload;
mod revision;
mod rules;
pub mod scope;
pub mod sign;
pub mod single_use;
pub mod statement_map;
pub mod test_clock;

pub use kind::PartnerKind;
pub use lifecycle::Status;
pub use listing::Unlisted;
pub use manifest::Partner;
pub use place::ManifestError;
pub use proof::{assertion, constraint, dpop, key, signature};
pub use registry::Registry;
pub use rules::{
    attribution, bank_account, behaviour, condition, consent_text, earning, exposure, follow_up,
    lead, limits, matching, notice, payment_pattern, programme, redemption, referral_limits,
    referral_pattern, retention, reward, scheme, settlement, staff, tax, terms,
};
