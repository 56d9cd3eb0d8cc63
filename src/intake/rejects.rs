use super::lines::Line;

/// Lines that were not taken, as CSV: number, reason, and the fields as they stood.
#[derive(Default)]
pub struct Rejects(Vec<u8>);

impl Rejects {
    /// The first line of a file of them.
    pub const HEADER: [&str; 3] = ["line", "reason", "fields as they stood"];

    /// Adds a line.
    ///
    /// # Errors
    /// None that a caller can meet: it is written to memory.
    pub fn add(&mut self, line: &Line, reason: &str) -> Result<(), csv::Error> {
        let mut out = csv::WriterBuilder::new().flexible(true).from_writer(&mut self.0);
        let number = line.number.to_string();
        let told = [number.as_str(), reason];
        out.write_record(told.into_iter().chain(line.fields.iter()))?;
        out.flush()?;
        Ok(())
    }

    /// What was added, as CSV without a header.
    #[must_use]
    pub fn csv(&self) -> &[u8] {
        &self.0
    }

    /// The header, as CSV.
    #[must_use]
    pub fn header() -> String {
        format!("{}\n", Self::HEADER.join(","))
    }
}
