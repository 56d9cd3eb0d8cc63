//! CloudEvents 1.0: the JSON format, and the HTTP protocol binding's binary mode.

use serde_json::{Map, Value, json};

use super::json::read_json;
use super::problem::{FieldProblem, Malformed};
use super::reader::FieldReader;
use super::{Cancel, Commit, EventData, Hold, Payment, Referral, Refund, Return};
use crate::clock::Moment;
use crate::ids::EventId;
use crate::partner::limits::EventLimits;

/// The attributes of the envelope that we use.
#[derive(Clone, Debug)]
pub struct Attributes {
    pub id: EventId,
    pub source: String,
    pub time: Moment,
}

/// Attributes that CloudEvents defines. They are allowed, and we ignore them.
const PASSED_OVER: [&str; 3] = ["datacontenttype", "dataschema", "subject"];

/// All types of event.
const TYPES: [&str; 7] = [
    Payment::TYPE,
    Refund::TYPE,
    Referral::TYPE,
    Hold::TYPE,
    Commit::TYPE,
    Cancel::TYPE,
    Return::TYPE,
];

/// Turns a binary-mode request (attributes in `ce-` headers, data in the body) into the JSON
/// format, so that one reader serves both modes.
///
/// # Errors
/// [`Malformed`], when the body is not JSON.
pub fn binary_mode<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a str)>,
    body: &[u8],
) -> Result<Value, Malformed> {
    let mut event = Map::new();
    for (name, value) in attributes {
        if let Some(attribute) = name.strip_prefix("ce-") {
            event.insert(attribute.to_owned(), json!(value));
        }
    }
    event.insert("data".to_owned(), read_json(body).map_err(|malformed| malformed.below("/data"))?);
    Ok(Value::Object(event))
}

/// Reads envelope and data, and reports the problems of both, so that the partner mends all at once.
pub fn read(
    value: &Value,
    limits: Option<&EventLimits>,
    problems: &mut Vec<FieldProblem>,
) -> Option<(Attributes, EventData)> {
    let mut envelope = FieldReader::new(value, "", problems)?.within(limits);
    let version = envelope.text("specversion", 8);
    if version.is_some_and(|version| version != "1.0") {
        envelope.fail("specversion", "expected \"1.0\"");
    }
    let id = envelope.parsed("id");
    let source = envelope.text("source", 256).map(str::to_owned);
    let time = envelope.text("time", 40).map(Moment::parse);
    if time == Some(None) {
        envelope.fail("time", "expected an RFC 3339 date-time, such as \"2026-11-02T10:15:30Z\"");
    }
    let time = time.flatten();
    for attribute in PASSED_OVER {
        envelope.optional(attribute);
    }
    let data_type = envelope.optional_text("datacontenttype", 256);
    if data_type.is_some_and(|data_type| !is_json(data_type)) {
        envelope.fail("datacontenttype", "expected application/json, in UTF-8: data is JSON here");
    }
    let kind = envelope.text("type", 64);
    let event_data = kind.and_then(|kind| read_data(&mut envelope, kind, time));
    pass_over_extensions(envelope, value);
    Some((Attributes { id: id?, source: source?, time: time? }, event_data?))
}

fn read_data(
    envelope: &mut FieldReader<'_>,
    kind: &str,
    time: Option<Moment>,
) -> Option<EventData> {
    if !TYPES.contains(&kind) {
        let known = TYPES.join(", ");
        envelope.fail("type", format!("unknown event type; known are: {known}"));
        envelope.optional("data");
        return None;
    }
    let Some(data) = envelope.object("data") else {
        if envelope.optional("data").is_none() {
            envelope.fail("data", "missing");
        }
        return None;
    };
    match kind {
        Payment::TYPE => Payment::read(data).map(EventData::Payment),
        Refund::TYPE => Refund::read(data).map(EventData::Refund),
        Hold::TYPE => Hold::read(data).map(EventData::Hold),
        Commit::TYPE => Commit::read(data).map(EventData::Commit),
        Cancel::TYPE => Cancel::read(data).map(EventData::Cancel),
        Return::TYPE => Return::read(data).map(EventData::Return),
        Referral::TYPE => {
            Referral::read(data, time).map(|referral| EventData::Referral(Box::new(referral)))
        }
        _ => None,
    }
}

/// Whether a media type is JSON in UTF-8 (RFC 8259, and structured suffixes of RFC 6839).
fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_utf_8 = parts.all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
    });
    (essence == "application/json" || essence == "text/json" || essence.ends_with("+json"))
        && is_utf_8
}

/// CloudEvents lets anyone add attributes of lower-case letters and digits (section 3.1), so we
/// ignore them. Any other name in the envelope is a mistake.
fn pass_over_extensions(mut envelope: FieldReader<'_>, value: &Value) {
    let is_extension =
        |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let defined =
        ["specversion", "id", "source", "type", "time", "data"].into_iter().chain(PASSED_OVER);
    let defined: Vec<&str> = defined.collect();
    let object = value.as_object().into_iter().flatten();
    for (name, value) in object {
        if name == "data_base64" {
            envelope.fail(name, "binary data is not taken here: write data as JSON, in data");
        } else if !defined.contains(&name.as_str()) && !is_extension(name) {
            envelope
                .fail_unknown(name, "not a CloudEvents attribute; extensions are of a-z and 0-9");
        } else if !defined.contains(&name.as_str()) && (value.is_object() || value.is_array()) {
            envelope.fail_unknown(name, "an extension is a string, a truth or a whole number");
        }
    }
}
