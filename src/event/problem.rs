use serde::Serialize;
use utoipa::ToSchema;

/// One thing wrong with one field: where (RFC 6901 pointer into the request's body) and how to
/// mend it. Never repeats the value, which may be personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    pub pointer: String,
    pub detail: String,
}

/// Why bytes are not an event.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("the body is not JSON: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("{} fields need mending", .0.len())]
    Fields(Vec<FieldProblem>),
}

impl Malformed {
    /// Serde's own words may quote the value, so only the place is kept.
    #[must_use]
    pub fn not_json(error: &serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }

    /// Everything that is wrong, on one line: for a reject file or a terminal.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::NotJson { .. } => self.to_string(),
            Self::Fields(fields) => {
                let each = fields.iter().map(|it| format!("{}: {}", it.pointer, it.detail));
                each.collect::<Vec<_>>().join("; ")
            }
        }
    }
}
