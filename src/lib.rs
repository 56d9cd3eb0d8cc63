//! Tallystick: a partner-integration gateway and loyalty ledger for a bank. The map of the house
//! is `docs/architecture.md`; each room says at its door what lives there.

pub mod clock;
pub mod customer;
pub mod event;
pub mod ids;
pub mod ledger;
pub mod money;
pub mod partner;
pub mod program;
pub mod referral;
