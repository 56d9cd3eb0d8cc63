//! A file's lines as the events that the API would have received.

use std::io::Read;

use csv::StringRecord;

use super::charset::Charset;
use super::columns::Columns;
use super::error::IntakeError;
use super::records::Records;
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

/// The lines of a file after its header.
pub struct Lines<R> {
    records: Records<R>,
    columns: Columns,
    partner: PartnerId,
    limits: EventLimits,
    key: FingerprintKey,
}

impl<R: Read> Lines<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`IntakeError`], if the file or its header cannot be used.
    pub fn open(reader: R, reading: Reading<'_>) -> Result<Self, IntakeError> {
        let Reading { bytes_max, charset, partner, key } = reading;
        let map = partner.payments_file.as_ref();
        let map = map.ok_or_else(|| IntakeError::NotMapped(partner.id.clone()))?;
        let records = Records::open(reader, charset, bytes_max)?;
        let columns = Columns::find(map, records.header())?;
        let (id, limits) = (partner.id.clone(), partner.limits);
        Ok(Self { records, columns, partner: id, limits, key })
    }

    /// The names of the file's columns.
    #[must_use]
    pub const fn header(&self) -> &StringRecord {
        self.records.header()
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`IntakeError`], if the rest of the file cannot be read.
    pub fn next_line(&mut self) -> Result<Option<Line>, IntakeError> {
        let charset = self.records.charset();
        let Some(record) = self.records.next_record()? else { return Ok(None) };
        let number = record.number;
        let Some(fields) = record.fields(charset) else {
            let read = Err(format!("not {}", charset.name().to_uppercase()));
            return Ok(Some(Line { number, fields: record.fields_lossy(charset), read }));
        };
        let read = self.event(&fields);
        Ok(Some(Line { number, fields, read }))
    }

    /// Passes over lines that were taken in before.
    pub fn skip(&mut self, lines: u64) -> Result<(), IntakeError> {
        for _ in 0..lines {
            self.records.next_record()?;
        }
        Ok(())
    }

    fn event(&self, fields: &StringRecord) -> Result<Event, String> {
        if fields.len() != self.header().len() {
            let (has, expected) = (fields.len(), self.header().len());
            return Err(format!("{has} fields where the header has {expected}"));
        }
        let value = self.columns.event(fields);
        event::parse_value(&self.partner, &self.limits, &value, &self.key)
            .map_err(|malformed| malformed.in_words())
    }
}
