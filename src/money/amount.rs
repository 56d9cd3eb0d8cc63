#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Serialize, Serializer};

use super::{Asset, Rounding};

/// A signed count of an asset's smallest unit. Every operation is checked: an amount beyond the
/// range of an `i64` of minor units is a refusal, never a wrap.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    minor: i64,
    asset: Asset,
}

/// Why a value is not an amount, or two amounts do not combine.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AmountError {
    #[error("not a decimal number: write digits with an optional point, such as \"12.50\"")]
    NotANumber,
    #[error("more than {scale} decimals, the scale of {asset}")]
    TooFine { asset: Asset, scale: u8 },
    #[error("beyond the range of {asset}: at most {max}", max = Amount::max(*asset))]
    OutOfRange { asset: Asset },
    #[error("amounts in {left} and {right} do not mix")]
    AssetMismatch { left: Asset, right: Asset },
}

impl Amount {
    #[must_use]
    pub const fn from_minor(minor: i64, asset: Asset) -> Self {
        Self { minor, asset }
    }

    #[must_use]
    pub const fn zero(asset: Asset) -> Self {
        Self { minor: 0, asset }
    }

    /// The largest amount of an asset that is accepted: its negation is an amount too.
    #[must_use]
    pub const fn max(asset: Asset) -> Self {
        Self { minor: i64::MAX, asset }
    }

    /// Reads a plain decimal (`-12.50`), as the API writes amounts: no exponent, no grouping,
    /// no leading `+`, not more decimals than the asset has.
    ///
    /// # Errors
    /// [`AmountError::NotANumber`], [`AmountError::TooFine`] or [`AmountError::OutOfRange`].
    pub fn parse(text: &str, asset: Asset) -> Result<Self, AmountError> {
        if !is_plain_decimal(text) {
            return Err(AmountError::NotANumber);
        }
        let decimal =
            Decimal::from_str_exact(text).map_err(|error| too_large_or_fine(&error, asset))?;
        Self::exact(decimal, asset)
    }

    /// Takes a decimal that already fits the asset's scale.
    ///
    /// # Errors
    /// [`AmountError::TooFine`] when digits would be lost, [`AmountError::OutOfRange`].
    pub fn exact(decimal: Decimal, asset: Asset) -> Result<Self, AmountError> {
        if decimal.normalize().scale() > u32::from(asset.scale()) {
            return Err(AmountError::TooFine { asset, scale: asset.scale() });
        }
        Self::round(decimal, asset, Rounding::Down)
    }

    /// Brings an unrounded value to the asset's scale.
    pub fn round(
        unrounded: Decimal,
        asset: Asset,
        rounding: Rounding,
    ) -> Result<Self, AmountError> {
        let scale = u32::from(asset.scale());
        let factor = Decimal::from(10_i64.checked_pow(scale).unwrap_or(i64::MAX));
        unrounded
            .round_dp_with_strategy(scale, rounding.strategy())
            .checked_mul(factor)
            .and_then(|minor| minor.to_i64())
            .filter(|minor| *minor != i64::MIN)
            .map(|minor| Self { minor, asset })
            .ok_or(AmountError::OutOfRange { asset })
    }

    /// Count of the asset's smallest unit.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    #[must_use]
    pub const fn asset(self) -> Asset {
        self.asset
    }

    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.minor, u32::from(self.asset.scale()))
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// The smaller of two amounts of one asset.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if other.minor < self.minor { other } else { self }
    }

    /// The larger of two amounts of one asset.
    #[must_use]
    pub const fn at_least(self, other: Self) -> Self {
        if other.minor > self.minor { other } else { self }
    }

    /// # Errors
    /// [`AmountError::AssetMismatch`] or [`AmountError::OutOfRange`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.combine(other, i64::checked_add)
    }

    /// # Errors
    /// [`AmountError::AssetMismatch`] or [`AmountError::OutOfRange`].
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.combine(other, i64::checked_sub)
    }

    /// # Errors
    /// [`AmountError::OutOfRange`] for the one value that has no negation.
    pub fn negate(self) -> Result<Self, AmountError> {
        Self::zero(self.asset).checked_sub(self)
    }

    fn combine(
        self,
        other: Self,
        operation: fn(i64, i64) -> Option<i64>,
    ) -> Result<Self, AmountError> {
        if self.asset != other.asset {
            return Err(AmountError::AssetMismatch { left: self.asset, right: other.asset });
        }
        operation(self.minor, other.minor)
            .map(|minor| Self { minor, asset: self.asset })
            .ok_or(AmountError::OutOfRange { asset: self.asset })
    }
}

fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    // 40 characters hold any amount; longer is somebody's attack on the parser.
    text.len() <= 40 && all_digits(whole) && all_digits(fraction)
}

fn too_large_or_fine(error: &rust_decimal::Error, asset: Asset) -> AmountError {
    if matches!(error, rust_decimal::Error::Underflow) {
        AmountError::TooFine { asset, scale: asset.scale() }
    } else {
        AmountError::OutOfRange { asset }
    }
}

/// The decimal with exactly the asset's number of decimals, without the asset's code.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

/// As the API and the manifests write amounts: a decimal in a string, never a JSON number.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.asset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_and_written_with_the_scale_of_its_asset() {
        let cases = [("12.5", "12.50", 1250), ("-0.01", "-0.01", -1), ("7", "7.00", 700)];
        for (text, written, minor) in cases {
            let amount = Amount::parse(text, Asset::CNY).unwrap();
            assert_eq!((amount.to_string().as_str(), amount.minor()), (written, minor));
        }
    }

    #[test]
    fn the_whole_range_beyond_two_to_the_53_is_exact() {
        let text = "92233720368547758.07";
        assert_eq!(Amount::parse(text, Asset::CNY).unwrap().to_string(), text);
        let beyond = Amount::parse("92233720368547758.08", Asset::CNY);
        assert_eq!(beyond, Err(AmountError::OutOfRange { asset: Asset::CNY }));
        assert!(Amount::parse("99999999999999999999999999999999", Asset::CNY).is_err());
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for text in ["", ".", "1.", ".5", "1e3", "+1", "1,000", " 1", "0x1", "NaN", "--1", "１"] {
            assert_eq!(Amount::parse(text, Asset::CNY), Err(AmountError::NotANumber), "{text}");
        }
        let fine = Amount::parse("1.001", Asset::CNY);
        assert_eq!(fine, Err(AmountError::TooFine { asset: Asset::CNY, scale: 2 }));
    }

    #[test]
    fn overflow_and_mixed_assets_are_refusals() {
        let max = Amount::max(Asset::PTS);
        let one = Amount::from_minor(1, Asset::PTS);
        assert_eq!(max.checked_add(one), Err(AmountError::OutOfRange { asset: Asset::PTS }));
        assert!(matches!(
            max.checked_add(Amount::zero(Asset::CNY)),
            Err(AmountError::AssetMismatch { .. })
        ));
    }
}
