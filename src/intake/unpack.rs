use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::error::IntakeError;

/// The first bytes of a gzip file (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What begins like this is no text. The words complete "the file is …".
const NOT_TEXT: [(&[u8], &str); 10] = [
    (b"PK\x03\x04", "a ZIP archive (an .xlsx workbook is one, too)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (&[0xd0, 0xcf, 0x11, 0xe0], "an Excel workbook (.xls)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "packed with bzip2"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "packed with xz"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "packed with zstd"),
    (b"%PDF", "a PDF document"),
    (&[0, 0, 0xfe, 0xff], "text in UTF-32"),
];

/// So many bytes are looked at to find out what a file is.
const LOOKED_AT: usize = 512;

/// The file's own bytes, unpacked if it begins as gzip does, and whether it was packed.
///
/// # Errors
/// The reader's error; or [`IntakeError::NotText`] inside one, if the file is no CSV at all.
pub fn unpack<R: Read + Send + 'static>(reader: R) -> io::Result<(Box<dyn Read + Send>, bool)> {
    let (start, whole) = peek(reader, LOOKED_AT)?;
    if !start.starts_with(GZIP) {
        check_text(&start)?;
        return Ok((Box::new(BufReader::new(whole)), false));
    }
    let (start, unpacked) = peek(Members::new(BufReader::new(whole)), LOOKED_AT)?;
    if start.starts_with(GZIP) {
        return Err(not_text("packed twice with gzip"));
    }
    check_text(&start)?;
    Ok((Box::new(BufReader::new(unpacked)), true))
}

/// A reader that begins again with what was read from its start.
pub(super) type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads up to `bytes` from the start; the reader that is returned begins with them again.
pub(super) fn peek<R: Read>(mut reader: R, bytes: usize) -> io::Result<(Vec<u8>, Peeked<R>)> {
    let mut start = Vec::new();
    let limit = u64::try_from(bytes).unwrap_or(u64::MAX);
    reader.by_ref().take(limit).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(reader)))
}

fn check_text(start: &[u8]) -> io::Result<()> {
    if let Some((_magic, what)) = NOT_TEXT.iter().find(|(magic, _what)| start.starts_with(magic)) {
        return Err(not_text(what));
    }
    if is_utf16(start) {
        return Err(not_text("text in UTF-16 (Excel calls it \"Unicode text\")"));
    }
    Ok(())
}

fn not_text(what: &'static str) -> io::Error {
    io::Error::other(IntakeError::NotText(what))
}

/// By its byte order mark; or because every other byte of its start is zero, as ASCII is in UTF-16.
fn is_utf16(start: &[u8]) -> bool {
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).filter(|byte| **byte == 0);
    let (even, odd) = (zeros(0).count(), zeros(1).count());
    // At least a third of one half, and none of the other.
    let third = start.len() / 6;
    start.len() > 4 && ((even > third && odd == 0) || (odd > third && even == 0))
}

/// The members of a gzip file, one after the other (RFC 1952, section 2.2). Zero bytes behind the
/// last one are ignored, as gzip itself does: some programs fill up a block with them.
struct Members<R> {
    /// `None` at the end of the file.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    fn new(reader: R) -> Self {
        Self { member: Some(GzDecoder::new(reader)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(ended) = self.member.take() else { break };
            let mut rest = ended.into_inner();
            match byte_after_zeros(&mut rest)? {
                None => {}
                Some(first) if GZIP.first() == Some(&first) => {
                    self.member = Some(GzDecoder::new(rest));
                }
                Some(_other) => {
                    return Err(io::Error::other("bytes that are not gzip stand behind its end"));
                }
            }
        }
        Ok(0)
    }
}

/// The next byte that is not zero, which is not consumed; `None` at the end.
fn byte_after_zeros(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let next = buffer.get(zeros).copied();
        reader.consume(zeros);
        if next.is_some() {
            return Ok(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> Result<(Vec<u8>, bool), String> {
        let failed = |error: io::Error| IntakeError::from(error).to_string();
        let (mut reader, packed) = unpack(Cursor::new(bytes)).map_err(failed)?;
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map_err(failed)?;
        Ok((text, packed))
    }

    #[test]
    fn members_are_joined_and_zero_bytes_behind_them_ignored() {
        let two = [gzip(b"a,b\n"), gzip(b"1,2\n")].concat();
        assert_eq!(read(two.clone()).unwrap(), (b"a,b\n1,2\n".to_vec(), true));
        let padded = [two.as_slice(), &[0; 5000]].concat();
        assert_eq!(read(padded).unwrap().0, b"a,b\n1,2\n");
        let dirty = [two.as_slice(), &[0; 7], b"x"].concat();
        assert!(read(dirty).unwrap_err().contains("behind its end"));
        let mut cut = two;
        cut.truncate(30);
        assert!(read(cut).is_err());
    }

    #[test]
    fn what_is_no_text_is_named() {
        let utf16: Vec<u8> =
            "payment_id,member\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xff, 0xfe], utf16.as_slice()].concat();
        let big: Vec<u8> =
            "payment_id,member\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, words) in [
            (b"PK\x03\x04\x14\0\x06\0".to_vec(), "a ZIP archive"),
            (gzip(&gzip(b"a,b\n")), "packed twice"),
            (gzip(b"PK\x03\x04zip"), "a ZIP archive"),
            (marked, "UTF-16"),
            (utf16, "UTF-16"),
            (gzip(&big), "UTF-16"),
            (b"%PDF-1.7\n".to_vec(), "a PDF"),
        ] {
            let said = read(bytes).unwrap_err();
            assert!(said.starts_with("the file is") && said.contains(words), "{said}");
        }
        for text in ["", "a", "a,b\n", "\u{feff}a,b\n", "门店,路\n"] {
            assert_eq!(read(text.into()).unwrap(), (text.into(), false));
        }
    }
}
