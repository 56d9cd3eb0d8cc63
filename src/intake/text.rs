use std::io::Read;

use super::archive::{Unzipped, ZIP, unzip};
use super::error::IntakeError;
use super::unpack::{Peeked, peek};
use super::workbook;
use crate::ids::sha256;

/// A file that people read as a table: as text.
pub enum Text<R> {
    /// The file itself, which may be packed with gzip.
    Same(Peeked<R>),
    /// What a ZIP archive or a workbook holds, as CSV, and the SHA-256 of the file itself.
    Made { csv: Vec<u8>, sha256: [u8; 32] },
}

/// Opens a ZIP archive with one file, and a workbook (.xlsx). Both are read into memory, up to
/// `bytes_max`.
///
/// # Errors
/// [`IntakeError`], if an archive or a workbook cannot be used.
pub fn text_of<R: Read>(file: R, bytes_max: u64) -> Result<Text<R>, IntakeError> {
    let (start, mut whole) = peek(file, ZIP.len())?;
    if start != ZIP {
        return Ok(Text::Same(whole));
    }
    let mut bytes = Vec::new();
    let read = whole.by_ref().take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > bytes_max {
        return Err(IntakeError::FileTooLong(bytes_max));
    }
    let sha256 = sha256(&bytes);
    let csv = match unzip(&bytes, bytes_max)? {
        Unzipped::Workbook => workbook::csv_of(&bytes, bytes_max)?,
        Unzipped::File(inside) if inside.starts_with(ZIP) => match unzip(&inside, bytes_max)? {
            Unzipped::Workbook => workbook::csv_of(&inside, bytes_max)?,
            Unzipped::File(_) => return Err(IntakeError::NotText("packed twice with ZIP")),
        },
        Unzipped::File(inside) => inside,
    };
    Ok(Text::Made { csv, sha256 })
}
