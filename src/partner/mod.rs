//! Who may speak, and what was agreed with them. A partner is a folder: its manifest is parsed
//! once into the values here, and the core takes only those. The rules themselves are data
//! ([`scheme`]); what they are worth is decided in `program`.

pub mod assertion;
pub mod attribution;
pub mod behaviour;
pub mod condition;
pub mod consent_text;
pub mod constraint;
pub mod dpop;
pub mod earning;
mod expression;
pub mod file_map;
pub mod follow_up;
pub mod form;
pub mod key;
pub mod lead;
pub mod lifecycle;
pub mod manifest;
pub mod notice;
pub mod pin_tries;
pub mod programme;
pub mod registry;
pub mod reload;
pub mod retention;
mod revision;
pub mod reward;
pub mod scheme;
pub mod scope;
pub mod sign;
pub mod signature;
pub mod terms;
pub mod test_clock;

pub use lifecycle::Status;
pub use manifest::{Kind, Partner};
pub use registry::Registry;
