use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// A problem with one field: where (RFC 6901 pointer into the request's body), and how to mend it.
/// Never repeats the value, which may be personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    pub pointer: String,
    pub detail: String,
}

/// Why bytes are not an event.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("{why}{}", PlaceIn(*place, *why))]
    NotJson { place: TextPlace, why: NotJson },
    #[error("{} fields need mending", .0.len())]
    Fields(Vec<FieldProblem>),
}

/// A place in a text, counted from 1. Columns are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPlace {
    pub line: usize,
    pub column: usize,
}

/// Why a body cannot be read as JSON.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotJson {
    #[error("the body is empty: expected JSON")]
    Empty,
    #[error("the body is not UTF-8, as JSON must be")]
    NotUtf8,
    #[error("the body is not JSON: it ends too early")]
    CutOff,
    #[error("the body holds an unpaired surrogate (\\ud800 to \\udfff), which is no character")]
    UnpairedSurrogate,
    #[error("the body holds a number that is out of range: write amounts as strings")]
    NumberOutOfRange,
    #[error("the body is nested too deeply")]
    TooDeep,
    #[error("the body is not JSON: a control character in a string needs an escape (\\u000a)")]
    ControlCharacter,
    #[error("the body is not JSON: it holds more than one value")]
    MoreThanOne,
    #[error("the body is not JSON")]
    Syntax,
}

/// The place of a fault, where the fault has one.
struct PlaceIn(TextPlace, NotJson);

impl fmt::Display for PlaceIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(TextPlace { line, column }, why) = self;
        match why {
            NotJson::Empty => Ok(()),
            NotJson::NotUtf8
            | NotJson::CutOff
            | NotJson::UnpairedSurrogate
            | NotJson::NumberOutOfRange
            | NotJson::TooDeep
            | NotJson::ControlCharacter
            | NotJson::MoreThanOne
            | NotJson::Syntax => write!(f, ": line {line}, column {column}"),
        }
    }
}

impl TextPlace {
    /// The place of a byte offset.
    #[must_use]
    pub fn of_offset(bytes: &[u8], offset: usize) -> Self {
        let before = bytes.get(..offset).unwrap_or(bytes);
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let since = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        Self { line: lines.saturating_add(1), column: since.saturating_add(1) }
    }
}

impl TextPlace {
    /// This place in a part of a text, as a place in the whole: the part begins at `begins`.
    #[must_use]
    pub const fn after(self, begins: Self) -> Self {
        let line = begins.line.saturating_add(self.line.saturating_sub(1));
        let column = match self.line {
            1 => begins.column.saturating_add(self.column.saturating_sub(1)),
            _ => self.column,
        };
        Self { line, column }
    }
}

impl Malformed {
    /// The same, of a text that is part of a whole: pointers begin with `above`.
    #[must_use]
    pub fn below(self, above: &str) -> Self {
        self.with_pointers(|pointer| format!("{above}{pointer}"))
    }

    /// The same, of a part of a whole: pointers are the part's own.
    #[must_use]
    pub fn without(self, above: &str) -> Self {
        self.with_pointers(|pointer| pointer.strip_prefix(above).unwrap_or(pointer).to_owned())
    }

    fn with_pointers(self, changed: impl Fn(&str) -> String) -> Self {
        match self {
            Self::NotJson { .. } => self,
            Self::Fields(mut fields) => {
                for field in &mut fields {
                    field.pointer = changed(&field.pointer);
                }
                Self::Fields(fields)
            }
        }
    }

    /// All problems on one line, for a reject file or a terminal.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::NotJson { .. } => self.to_string(),
            Self::Fields(fields) => {
                let each =
                    fields.iter().map(|field| format!("{}: {}", field.pointer, field.detail));
                each.collect::<Vec<_>>().join("; ")
            }
        }
    }
}
