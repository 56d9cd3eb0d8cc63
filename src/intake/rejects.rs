use csv::StringRecord;

use super::lines::Line;
use crate::spreadsheet;

/// Lines that were not taken, as CSV: the number of the line, the reason, and its fields, under the
/// file's own header. Every row has as many cells as the header. A spreadsheet runs none of them.
pub struct Rejects {
    csv: Vec<u8>,
    /// How many columns the file has.
    width: usize,
}

impl Rejects {
    /// The columns before those of the file.
    pub const HEADER: [&str; 2] = ["line", "reason"];

    /// For lines of a file with this header.
    #[must_use]
    pub fn of(header: &StringRecord) -> Self {
        Self { csv: Vec::new(), width: header.len() }
    }

    /// The header of the reject file.
    ///
    /// # Errors
    /// Never in practice: the row is written to memory.
    pub fn header(columns: &StringRecord) -> Result<Vec<u8>, csv::Error> {
        let mut row = Vec::new();
        write(&mut row, Self::HEADER.into_iter().chain(columns.iter()))?;
        Ok(row)
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Never in practice: the row is written to memory.
    pub fn add(&mut self, line: &Line, reason: &str) -> Result<(), csv::Error> {
        let number = line.number.to_string();
        let fields = fitted(&line.fields, self.width);
        let cells = [number.as_str(), reason].into_iter();
        write(&mut self.csv, cells.chain(fields.iter().map(String::as_str)))
    }

    /// The lines that were added, without the header.
    #[must_use]
    pub fn csv(&self) -> &[u8] {
        &self.csv
    }
}

/// The fields as exactly `width` cells: missing ones are empty, surplus ones stand in the last cell,
/// joined by commas.
fn fitted(fields: &StringRecord, width: usize) -> Vec<String> {
    let mut cells: Vec<String> = fields.iter().map(str::to_owned).collect();
    if cells.len() > width {
        let surplus = cells.split_off(width.saturating_sub(1));
        cells.push(surplus.join(","));
    }
    cells.resize(width, String::new());
    cells
}

fn write<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a str>) -> Result<(), csv::Error> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record(cells.map(|cell| spreadsheet::cell(cell).into_owned()))?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_as_wide_as_the_header_and_runs_no_formula() {
        let header = StringRecord::from(vec!["id", "=store", "paid"]);
        let mut rejects = Rejects::of(&header);
        for (number, fields) in [
            (2, vec!["t-1"]),
            (3, vec!["t-2", "=HYPERLINK(\"http://x\")", "9.90"]),
            (5, vec!["t-3", "a", "b", "c", "9.90"]),
            (6, vec![]),
        ] {
            let line =
                Line { number, fields: StringRecord::from(fields), read: Err("-".to_owned()) };
            rejects.add(&line, "@because").unwrap();
        }
        let whole = [Rejects::header(&header).unwrap(), rejects.csv().to_vec()].concat();
        // A strict reader refuses a row of another length.
        let rows: Vec<StringRecord> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(whole.as_slice())
            .records()
            .collect::<Result<_, _>>()
            .unwrap();
        let row = |at: usize| rows[at].iter().collect::<Vec<&str>>();
        assert_eq!(row(0), ["line", "reason", "id", "'=store", "paid"]);
        assert_eq!(row(1), ["2", "'@because", "t-1", "", ""]);
        assert_eq!(row(2), ["3", "'@because", "t-2", "'=HYPERLINK(\"http://x\")", "9.90"]);
        assert_eq!(row(3), ["5", "'@because", "t-3", "a", "b,c,9.90"]);
        assert_eq!(row(4), ["6", "'@because", "", "", ""]);
    }
}
