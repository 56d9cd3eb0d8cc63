//! Who was introduced, and whether that makes a lead. Pure. What a qualified referral is rewarded
//! with is `program`'s; telling the CRM is `outbox`'s and `crm`'s.

mod qualify;

pub use qualify::{State, Verdict, qualify};
