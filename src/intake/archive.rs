use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::error::IntakeError;

/// What a ZIP archive is for us.
pub(super) enum Unzipped {
    /// It is a workbook itself (ECMA-376).
    Workbook,
    /// The one file inside.
    File(Vec<u8>),
}

/// How a ZIP archive begins (APPNOTE.TXT, 4.3.7).
pub(super) const ZIP: &[u8] = b"PK\x03\x04";

const WORKBOOK_PART: &str = "xl/workbook.xml";
/// A workbook of one sheet has about ten.
const ENTRIES_MAX: usize = 1_000;

/// Looks into an archive. Everything inside is unpacked once, so that `bytes_max` bounds what it holds
/// and not what it says that it holds.
pub(super) fn unzip(bytes: &[u8], bytes_max: u64) -> Result<Unzipped, IntakeError> {
    let broken = |error: zip::result::ZipError| IntakeError::Archive(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.len() > ENTRIES_MAX {
        return Err(IntakeError::FilesInside(archive.len()));
    }
    let is_workbook = archive.index_for_name(WORKBOOK_PART).is_some();
    let (mut left, mut files) = (bytes_max, Vec::new());
    for place in 0..archive.len() {
        let entry = archive.by_index(place).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        let mut content = Vec::new();
        let read = entry.take(left.saturating_add(1)).read_to_end(&mut content);
        let read = read.map_err(|error| IntakeError::Archive(error.to_string()))?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        left = left.checked_sub(read).ok_or(IntakeError::FileTooLong(bytes_max))?;
        if !is_workbook {
            files.push(content);
        }
    }
    if is_workbook {
        return Ok(Unzipped::Workbook);
    }
    let count = files.len();
    match (files.pop(), count) {
        (Some(file), 1) => Ok(Unzipped::File(file)),
        _ => Err(IntakeError::FilesInside(count)),
    }
}
