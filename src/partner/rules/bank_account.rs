//! An account at a bank, as China writes it: a number, and the bank's number in CNAPS. There is no IBAN.

use serde::{Deserialize, Deserializer, Serialize, de};

/// Where money is paid from or to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BankAccount {
    /// The registered name of whoever has the account: 1 to 70 characters.
    #[serde(deserialize_with = "holder")]
    pub holder: String,
    /// 8 to 34 digits (ISO 20022, Max34Text).
    #[serde(deserialize_with = "number")]
    pub number: String,
    /// The bank's number in CNAPS (联行号): 12 digits.
    #[serde(deserialize_with = "bank")]
    pub bank: String,
}

fn holder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    // XML has no place for the last two (XML 1.0, section 2.2).
    let is_xml = !text.contains(['\u{fffe}', '\u{ffff}']);
    let fits = crate::text::is_label(&text) && text.chars().count() <= 70 && is_xml;
    if fits { Ok(text) } else { Err(de::Error::custom("expected a name of 1 to 70 characters")) }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let expected = "expected the number of an account, 8 to 34 digits";
    digits(deserializer, 8..=34).ok_or_else(|| de::Error::custom(expected))
}

fn bank<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let expected = "expected the bank's number in CNAPS, 12 digits";
    digits(deserializer, 12..=12).ok_or_else(|| de::Error::custom(expected))
}

fn digits<'de, D: Deserializer<'de>>(
    deserializer: D,
    length: std::ops::RangeInclusive<usize>,
) -> Option<String> {
    let text = String::deserialize(deserializer).ok()?;
    let fits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(holder: &str, number: &str, bank: &str) -> Result<BankAccount, String> {
        let text = format!("holder = \"{holder}\"\nnumber = {number:?}\nbank = {bank:?}");
        toml::from_str(&text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn an_account_is_digits_and_a_name() {
        assert!(read("绿篮超市有限公司", "6222021001000000001", "102100099996").is_ok());
        for (holder, number, bank, why) in [
            ("", "6222021001000000001", "102100099996", "a name"),
            ("A\u{fffe}B", "6222021001000000001", "102100099996", "a name"),
            ("Shop", "CN12 3456", "102100099996", "8 to 34 digits"),
            ("Shop", "6222021001000000001", "10210009999", "12 digits"),
            ("Shop", "６２２２０２１００１", "102100099996", "8 to 34 digits"),
        ] {
            assert!(
                read(holder, number, bank).unwrap_err().contains(why),
                "{holder} {number} {bank}"
            );
        }
    }
}
