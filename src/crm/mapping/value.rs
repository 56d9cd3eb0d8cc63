use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The value of a field of the CRM. A number keeps its digits: amounts are never floats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// Decimal digits, as JSON writes numbers.
    Number(String),
    Flag(bool),
    Nothing,
}

impl Value {
    /// The value as text; nothing is an empty text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Flag(true) => "true",
            Self::Flag(false) => "false",
            Self::Nothing => "",
        }
    }

    /// A constant of a mapping file; `None` for a kind of value that no CRM has a field for.
    pub(super) fn constant(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::String(text) => Some(Self::Text(text.clone())),
            toml::Value::Integer(number) => Some(Self::Number(number.to_string())),
            toml::Value::Boolean(flag) => Some(Self::Flag(*flag)),
            _ => None,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(digits) => RawValue::from_string(digits.clone())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Nothing => serializer.serialize_none(),
        }
    }
}
