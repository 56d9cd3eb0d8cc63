//! Whose referral a person is, as a manifest and the programme write it.

use serde::Deserialize;

use crate::ids::RuleId;

/// Which referral of a person counts for a product. Without it every referral is taken.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// Days for which a person belongs to the first referral. A referral that has not converted by
    /// then expires.
    #[serde(deserialize_with = "some_days")]
    pub window_days: u32,
    #[serde(default)]
    pub existing_customers: Existing,
    #[serde(default)]
    pub self_referrals: OwnStaff,
}

/// Whether a person whom the bank already knows may be referred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    #[default]
    Take,
    Reject,
}

/// Whether a partner may refer its own staff.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnStaff {
    Take,
    Hold,
    #[default]
    Reject,
}

/// People who work for a partner, as keyed hashes of their phone numbers (`tallystick partners
/// staff-index` prints them). No phone number is in a manifest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerStaff {
    /// The id of the index key that the hashes were made with.
    #[serde(default = "first_index")]
    index: String,
    #[serde(default)]
    phones: Vec<PhoneIndex>,
}

/// A list without an id was made before there was rotation.
fn first_index() -> String {
    "index-1".to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct PhoneIndex([u8; 32]);

/// A number of similar referrals in a number of hours that people must examine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    pub id: RuleId,
    pub same: Likeness,
    /// Referrals beyond this number are held.
    pub referrals: u32,
    pub hours: u32,
}

/// What referrals have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    Phone,
    Document,
    Email,
    Address,
    /// All referrals of one partner.
    Partner,
}

impl PartnerStaff {
    /// Whether the keyed hash is that of a staff member's phone number.
    #[must_use]
    pub fn has(&self, index: &[u8; 32]) -> bool {
        self.phones.iter().any(|phone| phone.0 == *index)
    }

    /// The index key that the list depends on; `None` for an empty list.
    #[must_use]
    pub fn index_id(&self) -> Option<&str> {
        (!self.phones.is_empty()).then_some(self.index.as_str())
    }
}

impl TryFrom<String> for PhoneIndex {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let wrong = "expected 64 hexadecimal digits, as `tallystick partners staff-index` prints";
        let mut index = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong);
        }
        for (place, byte) in index.iter_mut().enumerate() {
            let at = place.saturating_mul(2);
            let pair = text.get(at..at.saturating_add(2)).ok_or(wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_digits| wrong)?;
        }
        Ok(Self(index))
    }
}

impl Likeness {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Document => "document",
            Self::Email => "email",
            Self::Address => "address",
            Self::Partner => "partner",
        }
    }
}

fn some_days<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let days = u32::deserialize(deserializer)?;
    if (1..=3_660).contains(&days) {
        Ok(days)
    } else {
        Err(serde::de::Error::custom("expected 1 to 3660 days"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_are_known_by_their_hashes_only() {
        let text = format!("phones = [\"{}\"]", "0a".repeat(32));
        let staff: PartnerStaff = toml::from_str(&text).unwrap();
        assert!(staff.has(&[10; 32]) && !staff.has(&[11; 32]));
        for wrong in ["+8619900000000", "0a", &"0g".repeat(32)] {
            let text = format!("phones = [\"{wrong}\"]");
            let error = toml::from_str::<PartnerStaff>(&text).unwrap_err();
            assert!(error.message().contains("staff-index"), "{error}");
        }
    }

    #[test]
    fn a_window_is_some_days() {
        assert!(toml::from_str::<Attribution>("window_days = 0").is_err());
        let told: Attribution = toml::from_str("window_days = 90").unwrap();
        assert_eq!(
            (told.existing_customers, told.self_referrals),
            (Existing::Take, OwnStaff::Reject)
        );
    }
}
