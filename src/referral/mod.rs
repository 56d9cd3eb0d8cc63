//! Who was introduced, whether that makes a lead, and what may become of it. Pure. What a referral
//! is rewarded with is `program`'s; telling the CRM is `outbox`'s and `crm`'s.

mod consent;
pub mod lifecycle;
mod person;
mod placement;
mod qualify;
mod score;
mod terms;

pub use consent::without_consent;
pub use lifecycle::{Actor, Advance, IllegalMove, Move, ReferralState, ReferralStep};
pub use person::Person;
pub use placement::Placement;
pub use qualify::{KnownPerson, Verdict, qualify};
pub use score::{Wanted, assign};
pub use terms::Terms;
