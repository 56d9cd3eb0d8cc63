//! Money and points as exact integers. What lives here: assets and their scale, checked amounts,
//! named roundings, and shares that add up. Nothing here knows of partners, rules or storage;
//! every other room uses it.

mod amount;
mod asset;
mod rounding;
mod split;

pub use amount::{Amount, AmountError};
pub use asset::{Asset, UnknownAsset};
pub use rounding::Rounding;
pub use split::{split, split_by_amounts};
