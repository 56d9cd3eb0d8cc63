//! A file's lines as the events that the API would have received.

use std::io::{Chain, Cursor, Read};

use csv::{ByteRecord, StringRecord};

use super::charset::Charset;
use super::columns::Columns;
use super::error::{IntakeError, LINE_BYTES_MAX};
use super::numbered::{Metered, Numbered};
use super::unpack::peek;
use crate::event::{self, Event, FingerprintKey};
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::limits::EventLimits;

/// A line as it was read.
pub struct Line {
    /// The line of the file on which it begins, as an editor numbers lines.
    pub number: u64,
    /// Its fields. What is not in the file's charset is U+FFFD.
    pub fields: StringRecord,
    /// Its event, or why it has none.
    pub read: Result<Event, String>,
}

/// What the lines of a file are read by.
pub struct Reading<'a> {
    /// Bytes of the file, unpacked.
    pub bytes_max: u64,
    pub charset: Charset,
    pub partner: &'a Partner,
    pub key: FingerprintKey,
}

/// The lines of a file after its header. The length of a line, and so the memory it takes, is
/// bounded.
pub struct Lines<R> {
    records: csv::Reader<Source<R>>,
    columns: Columns,
    header: StringRecord,
    charset: Charset,
    partner: PartnerId,
    limits: EventLimits,
    key: FingerprintKey,
}

type Source<R> = Numbered<Metered<Chain<Cursor<Vec<u8>>, R>>>;

impl<R: Read> Lines<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`IntakeError`], if the file or its header cannot be used.
    pub fn open(reader: R, reading: Reading<'_>) -> Result<Self, IntakeError> {
        let Reading { bytes_max, charset, partner, key } = reading;
        let map = partner.payments_file.as_ref();
        let map = map.ok_or_else(|| IntakeError::NotMapped(partner.id.clone()))?;
        let reader = Metered::new(without_mark(reader, charset)?, LINE_BYTES_MAX, bytes_max);
        let mut records = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .from_reader(Numbered::new(reader));
        let mut header = ByteRecord::new();
        if !records.read_byte_record(&mut header)? {
            return Err(IntakeError::Empty);
        }
        let header = decoded(&header, charset).ok_or(IntakeError::Header(charset))?;
        let columns = Columns::find(map, &header)?;
        let (id, limits) = (partner.id.clone(), partner.limits);
        Ok(Self { records, columns, header, charset, partner: id, limits, key })
    }

    /// The names of the file's columns.
    #[must_use]
    pub const fn header(&self) -> &StringRecord {
        &self.header
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`IntakeError`], if the rest of the file cannot be read.
    pub fn next_line(&mut self) -> Result<Option<Line>, IntakeError> {
        let Some((number, record)) = self.next_record()? else { return Ok(None) };
        let Some(fields) = decoded(&record, self.charset) else {
            let read = Err(format!("not {}", self.charset.name().to_uppercase()));
            let fields = record.iter().map(|field| self.charset.read_lossy(field)).collect();
            return Ok(Some(Line { number, fields, read }));
        };
        let read = self.event(&fields);
        Ok(Some(Line { number, fields, read }))
    }

    /// Passes over lines that were taken in before.
    pub fn skip(&mut self, lines: u64) -> Result<(), IntakeError> {
        for _ in 0..lines {
            self.next_record()?;
        }
        Ok(())
    }

    fn next_record(&mut self) -> Result<Option<(u64, ByteRecord)>, IntakeError> {
        let mut record = ByteRecord::new();
        let begun_at = self.records.position().byte();
        self.records.get_mut().begin_record();
        match self.records.read_byte_record(&mut record) {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some((self.records.get_mut().line_at(begun_at), record))),
            Err(error) => Err(match error.into() {
                IntakeError::LineTooLong { .. } => {
                    let line = Some(self.records.get_mut().line_at(begun_at));
                    IntakeError::LineTooLong { line }
                }
                other => other,
            }),
        }
    }

    fn event(&self, fields: &StringRecord) -> Result<Event, String> {
        if fields.len() != self.header.len() {
            let (has, expected) = (fields.len(), self.header.len());
            return Err(format!("{has} fields where the header has {expected}"));
        }
        let value = self.columns.event(fields);
        event::parse_value(&self.partner, &self.limits, &value, &self.key)
            .map_err(|malformed| malformed.in_words())
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
