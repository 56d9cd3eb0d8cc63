use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::problem::FieldProblem;
use crate::fold::{reorders, says_something};
use crate::money::{Amount, Asset};
use crate::partner::limits::EventLimits;
use crate::text::misleads;

/// How the detail begins when an amount is a JSON number.
pub const AMOUNT_IS_NUMBER: &str = "write the amount as a string";
/// How the detail begins when a field is unknown.
pub const UNKNOWN_FIELD: &str = "unknown field";

/// Reads the fields of one JSON object, and collects all problems instead of stopping at the first.
/// A field that is wrong gives `None` and a problem. A field that nobody asks for is a problem too:
/// a misspelt field must not be lost in silence.
pub struct FieldReader<'a> {
    object: &'a Map<String, Value>,
    base: String,
    asked: Vec<&'static str>,
    problems: &'a mut Vec<FieldProblem>,
    /// What amounts may be. `None`: they were checked when they came in.
    limits: Option<&'a EventLimits>,
}

impl<'a> FieldReader<'a> {
    /// `None`, with a problem, if the value is not an object.
    pub fn new(value: &'a Value, base: &str, problems: &'a mut Vec<FieldProblem>) -> Option<Self> {
        let Value::Object(object) = value else {
            let detail = "expected a JSON object".to_owned();
            problems.push(FieldProblem { pointer: base.to_owned(), detail });
            return None;
        };
        Some(Self { object, base: base.to_owned(), asked: Vec::new(), problems, limits: None })
    }

    /// The same reader, which refuses amounts beyond the limits.
    #[must_use]
    pub const fn within(mut self, limits: Option<&'a EventLimits>) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a problem at one of this object's fields.
    pub fn fail(&mut self, name: &str, detail: impl Into<String>) {
        let pointer = format!("{}/{}", self.base, escaped(name));
        self.problems.push(FieldProblem { pointer, detail: detail.into() });
    }

    /// The field's value. Absent and `null` are the same.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn required(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.optional(name);
        if value.is_none() {
            self.fail(name, "missing");
        }
        value
    }

    /// A nested object's fields.
    pub fn object(&mut self, name: &'static str) -> Option<FieldReader<'_>> {
        let value = self.optional(name)?;
        let base = format!("{}/{name}", self.base);
        let limits = self.limits;
        FieldReader::new(value, &base, self.problems).map(|object| object.within(limits))
    }

    /// A list of nested objects, each read by `read`. Empty if the field is absent.
    pub fn objects<T>(
        &mut self,
        name: &'static str,
        items_max: usize,
        read: impl Fn(FieldReader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.optional(name) else { return Vec::new() };
        let Value::Array(items) = value else {
            self.fail(name, "expected an array");
            return Vec::new();
        };
        if items.len() > items_max {
            self.fail(name, format!("expected at most {items_max} items"));
            return Vec::new();
        }
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let base = format!("{}/{name}/{index}", self.base);
            let limits = self.limits;
            let item = FieldReader::new(item, &base, self.problems);
            list.extend(item.map(|item| item.within(limits)).and_then(&read));
        }
        list
    }

    pub fn text(&mut self, name: &'static str, characters_max: usize) -> Option<&'a str> {
        let value = self.required(name)?;
        self.as_text(name, value, characters_max)
    }

    pub fn optional_text(&mut self, name: &'static str, characters_max: usize) -> Option<&'a str> {
        let value = self.optional(name)?;
        self.as_text(name, value, characters_max)
    }

    fn as_text(
        &mut self,
        name: &'static str,
        value: &'a Value,
        characters_max: usize,
    ) -> Option<&'a str> {
        let Value::String(text) = value else {
            self.fail(name, "expected a string");
            return None;
        };
        if text.is_empty() || text.chars().nth(characters_max).is_some() {
            self.fail(name, format!("expected 1 to {characters_max} characters"));
            return None;
        }
        // PostgreSQL cannot store U+0000, and no other control character is of use here.
        if text.chars().any(char::is_control) {
            self.fail(name, "control characters are not allowed");
            return None;
        }
        if text.chars().any(reorders) {
            self.fail(name, "characters that change the direction of text are not allowed");
            return None;
        }
        if !says_something(text) {
            self.fail(name, "expected a text that can be read, not only spaces");
            return None;
        }
        if text.chars().any(misleads) {
            let detail =
                "characters that turn or break the text are not allowed (U+2028 to U+202E)";
            self.fail(name, detail);
            return None;
        }
        Some(text)
    }

    /// A required string, parsed into its type.
    pub fn parsed<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: for<'t> TryFrom<&'t str>,
        for<'t> <T as TryFrom<&'t str>>::Error: ToString,
    {
        let value = self.required(name)?;
        self.as_parsed(name, value)
    }

    /// An optional string, parsed into its type.
    pub fn optional_parsed<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: for<'t> TryFrom<&'t str>,
        for<'t> <T as TryFrom<&'t str>>::Error: ToString,
    {
        let value = self.optional(name)?;
        self.as_parsed(name, value)
    }

    /// The type alone says what a text of it may be, so that there is one message for each type.
    fn as_parsed<T>(&mut self, name: &'static str, value: &'a Value) -> Option<T>
    where
        T: for<'t> TryFrom<&'t str>,
        for<'t> <T as TryFrom<&'t str>>::Error: ToString,
    {
        let Value::String(text) = value else {
            self.fail(name, "expected a string");
            return None;
        };
        self.keep(name, T::try_from(text.as_str()).map_err(|error| error.to_string()))
    }

    fn keep<T>(&mut self, name: &'static str, parsed: Result<T, String>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(detail) => {
                self.fail(name, detail);
                None
            }
        }
    }

    /// An amount of `asset`: a decimal in a string, not below zero.
    pub fn amount(&mut self, name: &'static str, asset: Option<Asset>) -> Option<Amount> {
        let amount = self.signed_amount(name, asset)?;
        if amount.is_negative() {
            self.fail(name, "must not be negative");
            return None;
        }
        Some(amount)
    }

    /// An amount of `asset`, if there is one: a decimal in a string, not below zero.
    pub fn optional_amount(&mut self, name: &'static str, asset: Asset) -> Option<Amount> {
        self.optional(name)?;
        self.amount(name, Some(asset))
    }

    /// An amount of `asset`: a decimal in a string.
    pub fn signed_amount(&mut self, name: &'static str, asset: Option<Asset>) -> Option<Amount> {
        let value = self.required(name)?;
        if value.is_number() {
            self.fail(
                name,
                format!("{AMOUNT_IS_NUMBER}, such as \"12.50\": JSON numbers are floats"),
            );
            return None;
        }
        let text = self.as_text(name, value, 40)?;
        let amount = Amount::parse(text, asset?).map_err(|error| error.to_string());
        let amount = self.keep(name, amount)?;
        let excess = self.limits.and_then(|limits| limits.excess(amount));
        self.keep(name, excess.map_or(Ok(amount), Err))
    }

    /// A whole number, written as a JSON number.
    pub fn count(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.required(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            self.fail(name, format!("expected a whole number from {least} to {most}"));
        }
        number
    }

    /// The field `currency`: only CNY is taken.
    pub fn currency(&mut self) -> Option<Asset> {
        let code = self.text("currency", 8)?;
        if code == Asset::CNY.code() {
            return Some(Asset::CNY);
        }
        self.fail("currency", "expected \"CNY\"");
        None
    }

    /// Reports the fields that nobody asked for.
    pub fn finish(mut self) {
        let unknown: Vec<&String> =
            self.object.keys().filter(|name| !self.asked.contains(&name.as_str())).collect();
        for name in unknown {
            let known = self.asked.join(", ");
            self.fail_unknown(name, format!("{UNKNOWN_FIELD}; known are: {known}"));
        }
    }

    /// Adds a problem at a field that should not be there. The name is repeated only if it looks
    /// like a field name.
    pub fn fail_unknown(&mut self, name: &str, detail: impl Into<String>) {
        if is_field_name(name) {
            self.fail(name, detail);
        } else {
            let detail = format!("a field whose name is not repeated here: {}", detail.into());
            self.problems.push(FieldProblem { pointer: self.base.clone(), detail });
        }
    }
}

/// A name with the escapes of RFC 6901.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether an unknown name looks like a field name. Any other name may be somebody's data in the
/// wrong place, and an answer or a reject file must not carry it on.
pub(super) fn is_field_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'~' | b'/');
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(plain)
        && digits < 5
}
