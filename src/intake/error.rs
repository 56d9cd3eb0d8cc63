use std::io;

use super::charset::Charset;
use crate::ids::PartnerId;
use crate::store::StoreError;

/// A line has at most this many bytes.
pub(super) const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Why a file, or the rest of it, cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("the file is empty")]
    Empty,
    #[error("the file has no column {name:?}, which the manifest maps; {seen}")]
    NoColumn { name: String, seen: String },
    #[error(
        "the header names the column {0:?} twice: which of the two the manifest means cannot be known"
    )]
    ColumnTwice(String),
    #[error("the manifest of {0} maps no payments file: [import.payments]")]
    NotMapped(PartnerId),
    #[error("the header is not {}", .0.name())]
    Header(Charset),
    #[error("the file is {0}: expected CSV, plain or packed once with gzip")]
    NotText(&'static str),
    #[error(
        "a line has more than {LINE_BYTES_MAX} bytes{}: is a quote left open?",
        line.map(|line| format!(" (it begins on line {line})")).unwrap_or_default()
    )]
    LineTooLong { line: Option<u64> },
    #[error("unpacked the file has more than {0} bytes")]
    FileTooLong(u64),
    #[error("the ZIP archive cannot be read: {0}")]
    Archive(String),
    #[error("the ZIP archive has {0} files: expected one")]
    FilesInside(usize),
    #[error("the workbook cannot be read: {0}")]
    Workbook(String),
    #[error("{0} sheets of the workbook have cells: expected one")]
    Sheets(usize),
    #[error("cell {cell} {what}")]
    Cell { cell: String, what: &'static str },
    /// Mostly a damaged gzip file.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error(transparent)]
    Store(StoreError),
}

impl From<io::Error> for IntakeError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => match error.downcast::<StoreError>() {
                Ok(error) => Self::Store(error),
                Err(error) => Self::Unreadable(error),
            },
        }
    }
}

impl From<csv::Error> for IntakeError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            other => Self::Unreadable(io::Error::other(format!("{other:?}"))),
        }
    }
}
