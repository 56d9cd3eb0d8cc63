use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A field in which two events differ that should be the same. Both values are absent if the field
/// is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// RFC 6901 pointer into the event as posted.
    pub pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Value>,
}

/// The most fields that are listed.
const DIFFERENCES_MAX: usize = 32;

impl Difference {
    /// Contact data is never kept in the clear, so we can only say that it differs.
    #[must_use]
    pub fn of_contact() -> Self {
        Self { pointer: "/data/contact".to_owned(), recorded: None, received: None }
    }
}

/// Where the kept bodies of two events differ, except in `id` and `source`, which a partner may
/// change when it sends the event again.
#[must_use]
pub fn differences(recorded: &str, received: &str) -> Vec<Difference> {
    let read = |body: &str| serde_json::from_str(body).unwrap_or(Value::Null);
    let (recorded, received): (Value, Value) = (read(recorded), read(received));
    let mut found = Vec::new();
    for field in ["time", "data"] {
        let pointer = format!("/{field}");
        compare(&pointer, recorded.get(field), received.get(field), &mut found);
    }
    found.truncate(DIFFERENCES_MAX);
    found
}

fn compare(
    pointer: &str,
    recorded: Option<&Value>,
    received: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    match (recorded, received) {
        (one, other) if one == other => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                compare(&format!("{pointer}/{name}"), one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{pointer}/{index}"), Some(one), Some(other), found);
            }
        }
        (recorded, received) => found.push(Difference {
            pointer: pointer.to_owned(),
            recorded: recorded.cloned(),
            received: received.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_each_field_with_both_values_and_pass_over_id_and_source() {
        let one =
            r#"{"id":"a","source":"s","time":"t","data":{"x":"1","y":"2","lines":[{"paid":"1"}]}}"#;
        let other =
            r#"{"id":"b","source":"r","time":"u","data":{"x":"1","z":"3","lines":[{"paid":"4"}]}}"#;
        let found = serde_json::to_value(differences(one, other)).unwrap();
        let expected = serde_json::json!([
            { "pointer": "/time", "recorded": "t", "received": "u" },
            { "pointer": "/data/lines/0/paid", "recorded": "1", "received": "4" },
            { "pointer": "/data/y", "recorded": "2" },
            { "pointer": "/data/z", "received": "3" },
        ]);
        assert_eq!(found, expected);
        assert_eq!(differences(one, &one.replace("\"a\"", "\"b\"")), []);
    }
}
