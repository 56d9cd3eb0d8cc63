use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Canonical, Value};
use crate::crm::Lead;
use crate::template::{Piece, pieces};

/// How one field of the CRM is made from the lead.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Rename(Canonical),
    Enum { from: Canonical, table: BTreeMap<String, String>, otherwise: Option<String> },
    Concat { from: Vec<Canonical>, separator: String },
    Format(Vec<Piece<Canonical>>),
}

/// The rule as it is written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    from: Option<String>,
    #[serde(rename = "enum")]
    table: Option<BTreeMap<String, String>>,
    otherwise: Option<String>,
    concat: Option<Vec<String>>,
    separator: Option<String>,
    format: Option<String>,
}

impl Rule {
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn read(raw: RawRule) -> Result<Self, String> {
        if raw.otherwise.is_some() && raw.table.is_none() {
            return Err("otherwise belongs to enum".to_owned());
        }
        if raw.separator.is_some() && raw.concat.is_none() {
            return Err("separator belongs to concat".to_owned());
        }
        match (raw.from, raw.concat, raw.format) {
            (Some(from), None, None) => {
                let from = field(&from)?;
                Ok(match raw.table {
                    None => Self::Rename(from),
                    Some(table) => Self::Enum { from, table, otherwise: raw.otherwise },
                })
            }
            (None, Some(concat), None) if raw.table.is_none() => {
                if concat.is_empty() {
                    return Err("concat needs at least one field".to_owned());
                }
                let from = concat.iter().map(|name| field(name)).collect::<Result<_, _>>()?;
                Ok(Self::Concat { from, separator: raw.separator.unwrap_or_default() })
            }
            (None, None, Some(format)) if raw.table.is_none() => {
                Ok(Self::Format(pieces(&format, field)?))
            }
            _ => Err("expected exactly one of from (with enum or without), concat, format".into()),
        }
    }

    pub(super) fn apply(&self, lead: &Lead) -> Value {
        match self {
            Self::Rename(from) => from.of(lead),
            Self::Enum { from, table, otherwise } => {
                let found = table.get(from.of(lead).text()).or(otherwise.as_ref());
                found.map_or(Value::Nothing, |text| Value::Text(text.clone()))
            }
            Self::Concat { from, separator } => {
                let values: Vec<Value> = from.iter().map(|field| field.of(lead)).collect();
                let said = values.iter().map(Value::text).filter(|text| !text.is_empty());
                Value::Text(said.collect::<Vec<_>>().join(separator))
            }
            Self::Format(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Words(words) => text.push_str(words),
                        Piece::Name(field) => text.push_str(field.of(lead).text()),
                    }
                }
                Value::Text(text)
            }
        }
    }
}

fn field(name: &str) -> Result<Canonical, String> {
    Canonical::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = Canonical::ALL.iter().map(|field| field.name()).collect();
        format!("a lead has no {name:?}; it has {}", known.join(", "))
    })
}
