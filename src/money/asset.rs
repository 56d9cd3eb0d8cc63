use std::fmt;

use serde::{Serialize, Serializer};

/// What an amount is counted in: a currency or a kind of points, with its scale.
///
/// The scale is the number of decimals of the smallest unit (0 to 9), so `CNY` with scale 2 is
/// counted in fen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asset {
    code: &'static str,
    scale: u8,
}

/// The code names no asset of the programme.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown asset {0:?}; known are PTS and CNY")]
pub struct UnknownAsset(pub String);

impl Asset {
    /// Loyalty points, counted in hundredths.
    pub const PTS: Self = Self { code: "PTS", scale: 2 };
    /// Chinese yuan, counted in fen (ISO 4217 minor unit 2).
    pub const CNY: Self = Self { code: "CNY", scale: 2 };

    /// Every asset of the programme.
    pub const ALL: [Self; 2] = [Self::PTS, Self::CNY];

    /// Looks an asset up by its code, which is case-sensitive as in ISO 4217.
    ///
    /// # Errors
    /// [`UnknownAsset`] when the programme has no asset of that code.
    pub fn by_code(code: &str) -> Result<Self, UnknownAsset> {
        Self::ALL
            .into_iter()
            .find(|asset| asset.code == code)
            .ok_or_else(|| UnknownAsset(code.to_owned()))
    }

    #[must_use]
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// Decimals of the smallest unit.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl Serialize for Asset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}
