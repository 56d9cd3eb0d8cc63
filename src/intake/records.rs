//! The lines of a CSV file as they stand, with their numbers. The length of a line, and so the memory
//! it takes, is bounded.

use std::io::{Chain, Cursor, Read};

use csv::{ByteRecord, StringRecord};

use super::charset::Charset;
use super::error::{IntakeError, LINE_BYTES_MAX};
use super::numbered::{Metered, Numbered};
use super::unpack::peek;

/// The lines of a file after its header.
pub struct Records<R> {
    records: csv::Reader<Source<R>>,
    header: StringRecord,
    charset: Charset,
}

/// A line as it stands.
pub struct Record {
    /// The line of the file on which it begins, as an editor numbers lines.
    pub number: u64,
    bytes: ByteRecord,
}

type Source<R> = Numbered<Metered<Chain<Cursor<Vec<u8>>, R>>>;

impl<R: Read> Records<R> {
    /// Reads the header. `bytes_max` bounds the file, unpacked.
    ///
    /// # Errors
    /// [`IntakeError`], if the file or its header cannot be used.
    pub fn open(reader: R, charset: Charset, bytes_max: u64) -> Result<Self, IntakeError> {
        Self::open_past(None, reader, charset, bytes_max)
    }

    /// Reads the header, which is the first line that does not begin with `comment`.
    ///
    /// # Errors
    /// [`IntakeError`], if the file or its header cannot be used.
    pub fn open_past(
        comment: Option<&str>,
        reader: R,
        charset: Charset,
        bytes_max: u64,
    ) -> Result<Self, IntakeError> {
        let reader = Metered::new(without_mark(reader, charset)?, LINE_BYTES_MAX, bytes_max);
        let mut records = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .from_reader(Numbered::new(reader));
        let mut header = ByteRecord::new();
        let header = loop {
            if !records.read_byte_record(&mut header)? {
                return Err(IntakeError::Empty);
            }
            let header = decoded(&header, charset).ok_or(IntakeError::Header(charset))?;
            let first = header.get(0).unwrap_or_default();
            if !comment.is_some_and(|comment| first.starts_with(comment)) {
                break header;
            }
        };
        Ok(Self { records, header, charset })
    }

    /// The names of the file's columns.
    #[must_use]
    pub const fn header(&self) -> &StringRecord {
        &self.header
    }

    #[must_use]
    pub const fn charset(&self) -> Charset {
        self.charset
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`IntakeError`], if the rest of the file cannot be read.
    pub fn next_record(&mut self) -> Result<Option<Record>, IntakeError> {
        let mut bytes = ByteRecord::new();
        let begun_at = self.records.position().byte();
        self.records.get_mut().begin_record();
        match self.records.read_byte_record(&mut bytes) {
            Ok(false) => Ok(None),
            Ok(true) => {
                Ok(Some(Record { number: self.records.get_mut().line_at(begun_at), bytes }))
            }
            Err(error) => Err(match error.into() {
                IntakeError::LineTooLong { .. } => {
                    let line = Some(self.records.get_mut().line_at(begun_at));
                    IntakeError::LineTooLong { line }
                }
                other => other,
            }),
        }
    }
}

impl Record {
    /// Its fields; `None` if they are not in the charset.
    #[must_use]
    pub fn fields(&self, charset: Charset) -> Option<StringRecord> {
        decoded(&self.bytes, charset)
    }

    /// Its fields. What is not in the charset becomes U+FFFD.
    #[must_use]
    pub fn fields_lossy(&self, charset: Charset) -> StringRecord {
        self.bytes.iter().map(|field| charset.read_lossy(field)).collect()
    }
}

/// The file without the byte order mark that it may begin with. The CSV reader would take the mark
/// for a part of the first heading, or for text before its quote.
fn without_mark<R: Read>(
    reader: R,
    charset: Charset,
) -> Result<Chain<Cursor<Vec<u8>>, R>, IntakeError> {
    let mark = charset.mark();
    let (start, mut whole) = peek(reader, mark.len())?;
    if start == mark {
        let (cursor, _rest) = whole.get_mut();
        cursor.set_position(u64::try_from(mark.len()).unwrap_or_default());
    }
    Ok(whole)
}

fn decoded(record: &ByteRecord, charset: Charset) -> Option<StringRecord> {
    record.iter().map(|field| charset.read(field)).collect()
}
