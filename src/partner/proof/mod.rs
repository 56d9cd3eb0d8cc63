//! How a partner proves who it is: assertions, proofs of possession (DPoP), certificates and
//! signatures, by the keys in its manifest.

pub mod assertion;
pub mod constraint;
pub mod dpop;
pub mod key;
pub mod signature;
