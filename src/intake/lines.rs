//! A file's lines as the events that the API would have got.

use std::io::{self, Read};
use std::sync::Arc;

use csv::{ByteRecord, StringRecord};

use super::charset::Charset;
use super::columns::Columns;
use crate::event::{self, FingerprintKey};
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::store::StoreError;
use crate::writer::Submission;

/// Why a file cannot be taken in, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("the file has no column {0:?}, which the manifest maps")]
    NoColumn(String),
    #[error("the manifest of {0} maps no payments file: [import.payments]")]
    NotMapped(PartnerId),
    #[error("the header is not {}", .0.name())]
    Header(Charset),
    #[error("a line has more than {LINE_BYTES_MAX} bytes: is a quote left open?")]
    LineTooLong,
    #[error("unpacked the file has more than {0} bytes")]
    FileTooLong(u64),
    /// Broken packing above all.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error(transparent)]
    Store(StoreError),
}

/// A line as it was read.
pub struct Line {
    /// Where in the file it begins, the header being line 1.
    pub number: u64,
    /// Its fields; none where they are not of the file's charset.
    pub fields: StringRecord,
    /// Its event, or why it is none.
    pub read: Result<Submission, String>,
}

/// The lines of a file, header aside. A line, and the memory that it takes, is bounded.
pub struct Lines<R> {
    records: csv::Reader<Metered<R>>,
    columns: Columns,
    width: usize,
    charset: Charset,
    partner: Arc<Partner>,
    key: FingerprintKey,
}

/// A line's length.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Counts what is read, so that neither a line nor the whole outgrows its bounds.
pub(super) struct Metered<R> {
    inner: R,
    in_line: u64,
    line_max: u64,
    left: u64,
    bytes_max: u64,
}

impl<R: Read> Lines<R> {
    /// Reads the header.
    pub fn open(
        reader: R,
        bytes_max: u64,
        charset: Charset,
        partner: Arc<Partner>,
        key: FingerprintKey,
    ) -> Result<Self, IntakeError> {
        let map = partner.payments_file.as_ref();
        let map = map.ok_or_else(|| IntakeError::NotMapped(partner.id.clone()))?;
        let reader = Metered::new(reader, LINE_BYTES_MAX, bytes_max);
        let mut records =
            csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(reader);
        let mut header = ByteRecord::new();
        records.read_byte_record(&mut header)?;
        let header = decoded(&header, charset).ok_or(IntakeError::Header(charset))?;
        let columns = Columns::find(map, &header)?;
        Ok(Self { records, columns, width: header.len(), charset, partner, key })
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`IntakeError`], when the rest of the file cannot be read.
    pub fn next_line(&mut self) -> Result<Option<Line>, IntakeError> {
        let mut record = ByteRecord::new();
        self.records.get_mut().in_line = 0;
        if !self.records.read_byte_record(&mut record)? {
            return Ok(None);
        }
        let number = record.position().map_or(0, csv::Position::line);
        let Some(fields) = decoded(&record, self.charset) else {
            let read = Err(format!("not {}", self.charset.name().to_uppercase()));
            return Ok(Some(Line { number, fields: StringRecord::new(), read }));
        };
        let read = self.submission(&fields);
        Ok(Some(Line { number, fields, read }))
    }

    /// Passes over lines that were taken in before.
    pub fn skip(&mut self, lines: u64) -> Result<(), IntakeError> {
        let mut record = ByteRecord::new();
        for _ in 0..lines {
            self.records.get_mut().in_line = 0;
            self.records.read_byte_record(&mut record)?;
        }
        Ok(())
    }

    fn submission(&self, fields: &StringRecord) -> Result<Submission, String> {
        if fields.len() != self.width {
            return Err(format!("{} fields where the header has {}", fields.len(), self.width));
        }
        let value = self.columns.event(fields);
        let event = event::parse_value(&self.partner.id, &value, &self.key)
            .map_err(|malformed| malformed.in_words())?;
        Ok(Submission { partner: Arc::clone(&self.partner), event, signed: None })
    }
}

fn decoded(record: &ByteRecord, charset: Charset) -> Option<StringRecord> {
    record.iter().map(|field| charset.read(field)).collect()
}

impl<R> Metered<R> {
    pub(super) const fn new(inner: R, line_max: u64, bytes_max: u64) -> Self {
        Self { inner, in_line: 0, line_max, left: bytes_max, bytes_max }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.in_line > self.line_max {
            return Err(io::Error::other(IntakeError::LineTooLong));
        }
        let read = self.inner.read(buffer)?;
        let bytes = u64::try_from(read).unwrap_or(u64::MAX);
        self.in_line = self.in_line.saturating_add(bytes);
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| io::Error::other(IntakeError::FileTooLong(self.bytes_max)))?;
        Ok(read)
    }
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
