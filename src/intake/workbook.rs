//! A workbook (.xlsx, ECMA-376) as CSV: a row is a line. A cell whose value cannot be known for sure is
//! refused by its name, because a spreadsheet keeps 15 digits of a number and drops the others.

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use chrono::TimeDelta;

use super::error::IntakeError;

/// Columns beyond it are no statement's.
const COLUMNS_MAX: u32 = 1_000;

/// From here on a number has more than 15 digits.
const EXACT_BELOW: f64 = 1e15;

/// Rows that a spreadsheet has at most (ECMA-376, as Excel reads it).
const ROWS_MAX: u32 = 1_048_576;

/// Each of them is looked at.
const SHEETS_MAX: usize = 50;

/// The cells of the only sheet that has any: at most `bytes_max` bytes of them.
pub(super) fn csv_of(bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, IntakeError> {
    // The reader's arithmetic panics on a reference such as A99999999999.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes, bytes_max)));
    read.unwrap_or_else(|_panic| Err(IntakeError::Workbook("a cell has no place".to_owned())))
}

fn read(bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, IntakeError> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let names = workbook.sheet_names();
    if names.len() > SHEETS_MAX {
        return Err(IntakeError::Sheets(names.len()));
    }
    let mut filled = Vec::new();
    for name in names {
        let mut cells = workbook.worksheet_cells_reader(&name).map_err(broken)?;
        if cells.next_cell().map_err(broken)?.is_some() {
            filled.push(name);
        }
    }
    let [sheet] = filled.as_slice() else { return Err(IntakeError::Sheets(filled.len())) };
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(broken)?;
    let mut rows = Rows { bytes_left: bytes_max, bytes_max, ..Rows::default() };
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(broken)? {
        let (number, column) = cell.pos;
        let name = || cell_name(number, column);
        if column >= COLUMNS_MAX || number >= ROWS_MAX {
            let what = "lies beyond the rows and columns of a statement";
            return Err(IntakeError::Cell { cell: name(), what });
        }
        if rows.has_passed(number, column) {
            let what = "stands behind a cell that comes after it";
            return Err(IntakeError::Cell { cell: name(), what });
        }
        if cell.formula.is_some() {
            let what = "is a formula: paste its value in its place";
            return Err(IntakeError::Cell { cell: name(), what });
        }
        let text = text_of(&cell.value).map_err(|what| IntakeError::Cell { cell: name(), what })?;
        while rows.number < number {
            rows.end()?;
        }
        rows.put(column, &text)?;
    }
    rows.end()?;
    Ok(rows.csv)
}

/// The rows that were read, and the one that is being read.
#[derive(Default)]
struct Rows {
    csv: Vec<u8>,
    /// From 0.
    number: u32,
    fields: Vec<String>,
    /// The most cells of a row so far. A spreadsheet leaves out empty cells at the end.
    width: usize,
    bytes_max: u64,
    bytes_left: u64,
}

impl Rows {
    fn has_passed(&self, number: u32, column: u32) -> bool {
        let next = u32::try_from(self.fields.len()).unwrap_or(u32::MAX);
        number < self.number || (number == self.number && column < next)
    }

    fn put(&mut self, column: u32, text: &str) -> Result<(), IntakeError> {
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        self.take(column.saturating_sub(self.fields.len()).saturating_add(text.len()))?;
        self.fields.resize(column, String::new());
        self.fields.push(text.to_owned());
        Ok(())
    }

    /// One shared text may stand in many cells, so that a small file could be a large table.
    fn take(&mut self, bytes: usize) -> Result<(), IntakeError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1);
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or(IntakeError::FileTooLong(self.bytes_max))?;
        Ok(())
    }

    fn end(&mut self) -> Result<(), IntakeError> {
        self.number = self.number.saturating_add(1);
        if self.fields.iter().all(String::is_empty) {
            // An empty line keeps the numbers of the lines those of the rows.
            self.csv.push(b'\n');
        } else {
            self.width = self.width.max(self.fields.len());
            self.take(self.width.saturating_sub(self.fields.len()))?;
            self.fields.resize(self.width, String::new());
            let line = csv::WriterBuilder::new().buffer_capacity(256).from_writer(&mut self.csv);
            write_line(line, &self.fields)?;
        }
        self.fields.clear();
        Ok(())
    }
}

fn write_line(mut line: csv::Writer<&mut Vec<u8>>, fields: &[String]) -> Result<(), IntakeError> {
    line.write_record(fields)?;
    Ok(line.flush()?)
}

fn text_of<'a>(value: &'a DataRef<'_>) -> Result<Cow<'a, str>, &'static str> {
    let one_line = |text: &'a str| match text.contains(['\n', '\r']) {
        true => Cow::Owned(text.replace(['\n', '\r'], " ")),
        false => Cow::Borrowed(text),
    };
    Ok(match value {
        DataRef::Empty => Cow::Borrowed(""),
        DataRef::String(text) => one_line(text),
        DataRef::SharedString(text) => one_line(text),
        DataRef::Int(number) => Cow::Owned(number.to_string()),
        DataRef::Float(number) if number.abs() < EXACT_BELOW => Cow::Owned(number.to_string()),
        DataRef::Float(_) => {
            return Err("is a number of more than 15 digits, and its last digits are lost: \
                        make the column text, and enter it again");
        }
        DataRef::Bool(value) => Cow::Borrowed(if *value { "TRUE" } else { "FALSE" }),
        DataRef::DateTime(at) => Cow::Owned(date_and_time(at).ok_or("is no date and time")?),
        DataRef::DateTimeIso(at) => Cow::Owned(at.replace('T', " ")),
        DataRef::DurationIso(_) => return Err("is a length of time"),
        DataRef::Error(_) => return Err("shows an error"),
    })
}

/// To the nearest second: a spreadsheet keeps a time as a part of a day.
fn date_and_time(at: &ExcelDateTime) -> Option<String> {
    let at = at.is_datetime().then(|| at.as_datetime())??;
    let at = at.checked_add_signed(TimeDelta::milliseconds(500))?;
    Some(at.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// Such as `C12`.
fn cell_name(row: u32, column: u32) -> String {
    let (mut letters, mut left) = (Vec::new(), column);
    loop {
        let letter = u8::try_from(left % 26).unwrap_or_default();
        letters.push(char::from(b'A'.saturating_add(letter)));
        match (left / 26).checked_sub(1) {
            Some(more) => left = more,
            None => break,
        }
    }
    let letters: String = letters.iter().rev().collect();
    format!("{letters}{}", row.saturating_add(1))
}

fn broken(error: calamine::XlsxError) -> IntakeError {
    IntakeError::Workbook(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_as_people_see_them() {
        for (row, column, name) in [
            (0, 0, "A1"),
            (11, 2, "C12"),
            (0, 25, "Z1"),
            (1, 26, "AA2"),
            (0, 701, "ZZ1"),
            (0, 702, "AAA1"),
        ] {
            assert_eq!(cell_name(row, column), name);
        }
    }

    #[test]
    fn a_number_is_as_it_was_typed_or_refused() {
        let said = |value: f64| text_of(&DataRef::Float(value)).map(Cow::into_owned);
        assert_eq!(said(12.0).unwrap(), "12");
        assert_eq!(said(185.5).unwrap(), "185.5");
        assert_eq!(said(0.1).unwrap(), "0.1");
        assert_eq!(said(123_456_789_012_345.0).unwrap(), "123456789012345");
        assert!(said(1_234_567_890_123_456.0).unwrap_err().contains("15 digits"));
        assert!(said(-1e15).is_err() && said(f64::NAN).is_err());
    }
}
