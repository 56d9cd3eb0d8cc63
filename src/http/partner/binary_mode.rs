//! In which mode an event comes (CloudEvents HTTP binding 1.0.2, section 3), and its attributes in
//! binary mode. The content type decides: `application/cloudevents+json` is structured whatever
//! else stands in the headers; otherwise `ce-specversion` makes it binary.

use actix_web::http::header::HeaderMap;

use crate::event::{FieldProblem, Malformed};
use crate::http::problem::{MEDIA_TYPE, Problem};
use crate::http::server::media::{self, JSON};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const PREFIX: &str = "ce-";

/// How an event comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The body is the whole event.
    Structured,
    /// The body is the event's data; its attributes are headers.
    Binary,
}

/// The mode of a single event.
///
/// # Errors
/// 415, where the body is of another type.
pub fn mode_of(headers: &HeaderMap) -> Result<Mode, Problem> {
    let expected = "application/cloudevents+json or application/json";
    let sent = media::content_type(headers)?.ok_or_else(|| media::untyped(expected))?;
    match sent.as_str() {
        STRUCTURED => Ok(Mode::Structured),
        JSON if headers.contains_key("ce-specversion") => Ok(Mode::Binary),
        JSON => Ok(Mode::Structured),
        BATCH => Err(Problem::new(
            &MEDIA_TYPE,
            "This is a batch: post it to /v1/events:batch. Here one event is taken, as \
             application/cloudevents+json or application/json.",
        )),
        _ => Err(Problem::new(&MEDIA_TYPE, format!("Send the event as {expected}, in UTF-8."))),
    }
}

/// Holds a batch to its types.
///
/// # Errors
/// 415, where the body is of another type.
pub fn expect_batch(headers: &HeaderMap) -> Result<(), Problem> {
    let expected = "application/cloudevents-batch+json or application/json";
    let sent = media::content_type(headers)?.ok_or_else(|| media::untyped(expected))?;
    match sent.as_str() {
        BATCH | JSON => Ok(()),
        STRUCTURED => Err(Problem::new(
            &MEDIA_TYPE,
            "This is one event: post it to /v1/events. Here a JSON array of events is taken, as \
             application/cloudevents-batch+json or application/json.",
        )),
        _ => Err(Problem::new(&MEDIA_TYPE, format!("Send the batch as {expected}, in UTF-8."))),
    }
}

/// The attributes of an event in binary mode, decoded, by their names without `ce-`.
///
/// # Errors
/// Each header that stands twice or cannot be decoded.
pub fn attributes(headers: &HeaderMap) -> Result<Vec<(String, String)>, Malformed> {
    let (mut attributes, mut problems) = (Vec::new(), Vec::new());
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        let mut values = headers.get_all(name);
        let value = values.next().map(|value| value.as_bytes()).unwrap_or_default();
        let decoded = match values.next() {
            Some(_second) => Err("the header stands more than once"),
            None => decode(value),
        };
        match decoded {
            Ok(value) => attributes.push((name.as_str().to_owned(), value)),
            Err(detail) => problems.push(FieldProblem {
                pointer: format!("/{attribute}"),
                detail: format!("{PREFIX}{attribute}: {detail}"),
            }),
        }
    }
    if problems.is_empty() { Ok(attributes) } else { Err(Malformed::Fields(problems)) }
}

/// HTTP binding, section 3.1.3.2: a quoted string is unquoted; then each `%XX` is a byte of UTF-8.
fn decode(value: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii());
    let text =
        text.ok_or("expected ASCII: encode other characters as % and two hexadecimal digits")?;
    let text =
        unquoted(text.trim()).ok_or("expected a closing quote at the end, and nothing after")?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (byte, after) = encoded_byte(after)
            .ok_or("expected two hexadecimal digits after each %; write % itself as %25")?;
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_bad| "expected UTF-8 in the bytes that are written with %")
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn encoded_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = text.split_first_chunk::<2>()?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok())?.map(|byte| (byte, after))
}

/// A quoted string without its quotes and backslashes (RFC 9110, section 5.6.4). `None`: it has no
/// end.
fn unquoted(text: &str) -> Option<String> {
    let Some(inside) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let mut plain = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next()?),
            '"' => return characters.next().is_none().then_some(plain),
            other => plain.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_whether_it_had_to_be_or_not() {
        for (sent, meant) in [
            ("plain-1", "plain-1"),
            ("promo-50%25-off-1", "promo-50%-off-1"),
            ("2026-11-20T10%3A00%3a00Z", "2026-11-20T10:00:00Z"),
            ("\"q-1\"", "q-1"),
            ("\"a \\\"b\\\" %25\"", "a \"b\" %"),
            ("%E6%97%A5", "日"),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ] {
            assert_eq!(decode(sent.as_bytes()).as_deref(), Ok(meant), "{sent}");
        }
        for bad in ["50%off", "%", "%4", "%E6", "\"open", "\"a\"b", "日"] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
