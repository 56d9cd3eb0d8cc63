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
        if is_workbook {
            check_counts(&content)?;
        } else {
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

/// A workbook says how many strings, styles and the like it has, and its reader makes room for as many. A
/// part that says more than it has bytes is refused before.
fn check_counts(part: &[u8]) -> Result<(), IntakeError> {
    let most = u64::try_from(part.len()).unwrap_or(u64::MAX);
    let digits = |rest: &[u8]| -> Option<u64> {
        let rest = rest.iter().skip_while(|byte| byte.is_ascii_whitespace());
        let mut rest =
            rest.skip_while(|byte| **byte == b'=').skip_while(|byte| byte.is_ascii_whitespace());
        let quote = rest.next().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let said: Vec<u8> = rest.take_while(|byte| *byte != quote).take(30).copied().collect();
        let said: String = said.iter().map(|byte| char::from(*byte)).collect();
        // What is no number is the reader's to refuse; a number of 30 digits is too much.
        said.trim().parse().map_or_else(|_none| (said.len() > 19).then_some(u64::MAX), Some)
    };
    let names = part.windows(COUNT.len()).enumerate().filter(|(_place, word)| *word == COUNT);
    for (place, word) in names {
        let rest = part.get(place.saturating_add(word.len())..).unwrap_or_default();
        if digits(rest).is_some_and(|said| said > most) {
            return Err(IntakeError::Workbook("a part counts more than it has".to_owned()));
        }
    }
    Ok(())
}

/// How the names of such counts end: `count`, `uniqueCount`.
const COUNT: &[u8] = b"ount";
