//! JSON as events need it: every name of an object once (RFC 7493, section 2.3), and for a body that
//! is not taken the reason. serde_json takes the last of two equal names without a word, and its own
//! messages may quote a value that is personal.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::problem::{FieldProblem, Malformed, NotJson, TextPlace};
use super::reader::{escaped, is_field_name};

/// What is said of a name that an object has more than once.
const NAME_TWICE: &str = "this name appears more than once: write each name once";

/// An item of an array, or why it is not taken.
pub type Item = Result<Value, Malformed>;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads JSON from bytes in UTF-8. A byte order mark at the beginning is passed over, as RFC 8259
/// (section 8.1) allows.
///
/// # Errors
/// [`Malformed::NotJson`] with the place and the reason, or [`Malformed::Fields`] with each name that
/// an object has more than once.
pub fn read_json(bytes: &[u8]) -> Result<Value, Malformed> {
    read_value(text_of(bytes)?)
}

/// Reads the items of an array, each by itself: an item that is not taken fails none beside it.
///
/// # Errors
/// [`Malformed`] when the whole is not an array of JSON. An item's own [`Malformed`] has pointers into
/// the item, and places in the whole body.
pub fn read_items(bytes: &[u8]) -> Result<Vec<Item>, Malformed> {
    let text = text_of(bytes)?;
    if !text.trim_ascii_start().starts_with('[') {
        read_value(text)?;
        let detail = "expected a JSON array of events".to_owned();
        return Err(Malformed::Fields(vec![FieldProblem { pointer: String::new(), detail }]));
    }
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    // Places are counted on from item to item: thousands of bad items cost one pass over the body.
    let (mut at, mut place_at) = (0, TextPlace { line: 1, column: 1 });
    let read = items.into_iter().map(|item| {
        let begins = item.get().as_ptr().addr().saturating_sub(text.as_ptr().addr());
        read_value(item.get()).map_err(|malformed| match malformed {
            Malformed::NotJson { place, why } => {
                let between = text.as_bytes().get(at..begins).unwrap_or_default();
                place_at = TextPlace::of_offset(between, between.len()).after(place_at);
                at = begins;
                Malformed::NotJson { place: place.after(place_at), why }
            }
            fields @ Malformed::Fields(_) => fields,
        })
    });
    Ok(read.collect())
}

fn text_of(bytes: &[u8]) -> Result<&str, Malformed> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let place = TextPlace::of_offset(bytes, error.valid_up_to());
        Malformed::NotJson { place, why: NotJson::NotUtf8 }
    })?;
    if text.trim_ascii().is_empty() {
        let place = TextPlace { line: 1, column: 1 };
        return Err(Malformed::NotJson { place, why: NotJson::Empty });
    }
    Ok(text)
}

fn read_value(text: &str) -> Result<Value, Malformed> {
    let twice = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Names { pointer: Some(String::new()), twice: &twice }.deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) if twice.borrow().is_empty() => Ok(value),
        Ok(_) => Err(Malformed::Fields(twice.into_inner())),
        Err(error) => Err(not_json(&error)),
    }
}

/// Why serde_json does not take a text. Its own words are only compared, never repeated.
fn not_json(error: &serde_json::Error) -> Malformed {
    let text = error.to_string();
    let why = if error.classify() == Category::Eof {
        NotJson::CutOff
    } else if text.starts_with("number out of range") {
        NotJson::NumberOutOfRange
    } else if text.starts_with("recursion limit exceeded") {
        NotJson::TooDeep
    } else if text.starts_with("lone leading surrogate")
        || text.starts_with("unexpected end of hex escape")
    {
        NotJson::UnpairedSurrogate
    } else if text.starts_with("control character") {
        NotJson::ControlCharacter
    } else if text.starts_with("trailing characters") {
        NotJson::MoreThanOne
    } else {
        NotJson::Syntax
    };
    let place = TextPlace { line: error.line(), column: error.column() };
    Malformed::NotJson { place, why }
}

/// Reads one value, and notes the names that an object has more than once. `pointer` is the value's
/// place, while all names on the way are such as fields have.
struct Names<'a> {
    pointer: Option<String>,
    twice: &'a RefCell<Vec<FieldProblem>>,
}

impl Names<'_> {
    fn below(&self, name: &str) -> Names<'_> {
        let pointer = self.pointer.as_ref().filter(|_above| is_field_name(name));
        let pointer = pointer.map(|above| format!("{above}/{}", escaped(name)));
        Names { pointer, twice: self.twice }
    }

    fn item(&self, index: usize) -> Names<'_> {
        let pointer = self.pointer.as_ref().map(|above| format!("{above}/{index}"));
        Names { pointer, twice: self.twice }
    }

    fn note_twice(&self, name: &str) {
        let (pointer, detail) = match self.below(name).pointer {
            Some(pointer) => (pointer, NAME_TWICE.to_owned()),
            None => (
                self.pointer.clone().unwrap_or_default(),
                format!("a field whose name is not repeated here: {NAME_TWICE}"),
            ),
        };
        self.twice.borrow_mut().push(FieldProblem { pointer, detail });
    }
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.item(list.len()))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.contains_key(&name) {
                self.note_twice(&name);
            }
            let value = fields.next_value_seed(self.below(&name))?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> String {
        read_json(bytes).unwrap_err().in_words()
    }

    #[test]
    fn what_json_says_is_read_as_serde_reads_it() {
        let text =
            r#"{"a":[1,-2,2.5,true,null,"x\u00e9\ud83d\ude00"],"b":{"a":18446744073709551615}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read_json(text.as_bytes()).unwrap(), expected);
        let marked = format!("\u{feff}{text}");
        assert_eq!(read_json(marked.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn each_name_that_stands_twice_is_named() {
        let text =
            br#"{"id":"a","id":"b","data":{"lines":[{"paid":"1"},{"paid":"1","paid":"2"}]}}"#;
        let Err(Malformed::Fields(found)) = read_json(text) else { panic!("taken") };
        let pointers: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/id", "/data/lines/1/paid"]);
        let names = words(r#"{"data":{"王小明":1,"王小明":2}}"#.as_bytes());
        assert!(names.starts_with("/data: ") && !names.contains("王"), "{names}");
    }

    #[test]
    fn an_item_that_is_not_taken_fails_none_beside_it() {
        let text = b"[{\"id\":\"a\"},\n {\"id\":\"b\",\"id\":\"c\"}, {\"data\":{\"x\":\"\\udc00\"}}, 1e400, 5]";
        let items = read_items(text).unwrap();
        let words = |at: usize| items[at].as_ref().unwrap_err().in_words();
        assert!(items[0].is_ok() && items[4].is_ok());
        assert!(words(1).starts_with("/id: "), "{}", words(1));
        assert!(
            words(2).contains("surrogate") && words(2).contains(": line 2, column "),
            "{}",
            words(2)
        );
        assert!(words(3).contains("out of range"), "{}", words(3));
        assert!(read_items(b"{}").unwrap_err().in_words().contains("array"));
        assert!(read_items(b"[{}, {").unwrap_err().in_words().contains("ends too early"));
    }

    #[test]
    fn a_great_many_bad_items_cost_one_pass_over_the_body() {
        let many = 300_000;
        let text = format!("[{}1]", "1e400,\n".repeat(many));
        let items = read_items(text.as_bytes()).unwrap();
        let last = items[many - 1].as_ref().unwrap_err().in_words();
        assert!(last.contains(&format!("line {many}, column ")), "{last}");
        assert!(items[many].is_ok());
    }

    #[test]
    fn a_body_that_is_not_taken_is_told_why() {
        let deep = "[".repeat(200);
        let cases: [(&[u8], &str); 9] = [
            (b"", "the body is empty"),
            (b" \n", "the body is empty"),
            (br#"{"a":"\udc00"}"#, "surrogate"),
            (br#"{"a":"\ud800x"}"#, "surrogate"),
            (br#"{"a":1e400}"#, "out of range"),
            (deep.as_bytes(), "nested"),
            (br#"{"a":"#, "ends too early"),
            (b"{\"a\":\"\xc0\xcf\"}", "not UTF-8"),
            (b"{} {}", "more than one"),
        ];
        for (bytes, expected) in cases {
            let words = words(bytes);
            assert!(words.contains(expected), "{words}: expected {expected}");
        }
        assert_eq!(words(b"{\"a\" 1}"), "the body is not JSON: line 1, column 6");
    }
}
