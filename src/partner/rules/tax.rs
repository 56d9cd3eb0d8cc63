//! What a partner's invoice (发票) to the bank needs: who the partner is to the tax office, and the rate of
//! value added tax (增值税) in what the bank owes it.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `[tax]` of a manifest. An account without a rate is not invoiced.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxTerms {
    pub taxpayer: TaxpayerId,
    /// For discount subsidies.
    pub subsidy: Option<VatRate>,
    pub commission: Option<VatRate>,
    /// For points that customers spent at the partner.
    pub redemption: Option<VatRate>,
    /// For what staff adjusted.
    pub settlement: Option<VatRate>,
}

/// A unified social credit code (统一社会信用代码): 18 characters, the last of which checks the others
/// (GB 32100-2015).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaxpayerId(String);

/// A rate of value added tax, such as 0.06: not below zero, below one, with four decimals at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VatRate(Decimal);

/// GB 32100-2015, table 1: the characters by their values. I, O, S, V and Z are left out.
const CHARACTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const LENGTH: usize = 18;
const MODULUS: usize = 31;
const RATE_DECIMALS: u32 = 4;

impl TaxpayerId {
    fn is_valid(text: &str) -> bool {
        let values: Option<Vec<usize>> =
            text.chars().map(|character| CHARACTERS.find(character)).collect();
        let Some(values) = values.filter(|values| values.len() == LENGTH) else { return false };
        let Some((check, others)) = values.split_last() else { return false };
        // Each weight is three times the one before, modulo 31.
        let weights = std::iter::successors(Some(1_usize), |weight| {
            weight.checked_mul(3).and_then(|weight| weight.checked_rem(MODULUS))
        });
        let sum: usize =
            others.iter().zip(weights).map(|(value, weight)| value.saturating_mul(weight)).sum();
        sum.saturating_add(*check).is_multiple_of(MODULUS)
    }
}

impl fmt::Display for TaxpayerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaxpayerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if Self::is_valid(&text) {
            Ok(Self(text))
        } else {
            let expected = "expected a unified social credit code: 18 characters, the last of which \
                            checks the others (GB 32100-2015)";
            Err(de::Error::custom(expected))
        }
    }
}

impl VatRate {
    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for VatRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.normalize())
    }
}

impl Serialize for VatRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VatRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let rate: Option<Decimal> = text.parse().ok();
        rate.map(|rate| rate.normalize())
            .filter(|rate| !rate.is_sign_negative() && *rate < Decimal::ONE)
            .filter(|rate| rate.scale() <= RATE_DECIMALS)
            .map(Self)
            .ok_or_else(|| de::Error::custom("expected a rate of tax as text, such as \"0.06\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TaxTerms, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn a_taxpayer_has_the_check_character_of_the_standard() {
        for code in ["91350100M000100Y43", "91310115MA1GBLQ88A"] {
            assert!(read(&format!("taxpayer = {code:?}")).is_ok(), "{code}");
        }
        for code in [
            "91310115MA1GBLQ8A8",
            "91310115MA1GBLQ88B",
            "91310115MA1GBLQ88",
            "91310115MA1GBLQ88AA",
            "91310115MA1GBSQ88A",
            "９１310115MA1GBLQ88A",
            "",
        ] {
            let refused = read(&format!("taxpayer = {code:?}")).unwrap_err();
            assert!(refused.contains("GB 32100-2015"), "{code}: {refused}");
        }
    }

    #[test]
    fn a_rate_is_exact_text_below_one() {
        let with =
            |rate: &str| read(&format!("taxpayer = \"91310115MA1GBLQ88A\"\ncommission = {rate}"));
        let terms = with("\"0.060\"").unwrap();
        assert_eq!(terms.commission.unwrap().to_string(), "0.06");
        assert_eq!(terms.subsidy, None);
        for rate in ["\"-0.06\"", "\"1\"", "\"6\"", "\"0.06001\"", "0.06", "\"6%\"", "\"\""] {
            assert!(with(rate).unwrap_err().contains("text") || rate == "0.06", "{rate}");
        }
    }
}
