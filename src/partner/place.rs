//! A place in a file, and the error that names it.

/// Why a manifest or the programme is refused: `file:line: what`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {what}")]
pub struct ManifestError {
    pub file: String,
    pub line: usize,
    pub what: String,
}

/// The text of a file with the name that errors give it.
pub(super) struct Place<'a> {
    pub text: &'a str,
    pub file: &'a str,
}

impl Place<'_> {
    /// The error at a byte offset of the text.
    pub fn error(&self, offset: usize, what: impl Into<String>) -> ManifestError {
        let before = self.text.as_bytes().iter().take(offset);
        let line = before.filter(|byte| **byte == b'\n').count().saturating_add(1);
        ManifestError { file: self.file.to_owned(), line, what: what.into() }
    }
}
