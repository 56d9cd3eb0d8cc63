use std::io::{self, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// The file's own bytes, unpacked where it begins as gzip does (RFC 1952), and whether it was
/// packed.
///
/// # Errors
/// The reader's.
pub fn unpack<R: Read + Send + 'static>(mut reader: R) -> io::Result<(Box<dyn Read + Send>, bool)> {
    let mut start = Vec::new();
    reader.by_ref().take(2).read_to_end(&mut start)?;
    let is_packed = start == [0x1f, 0x8b];
    let whole = BufReader::new(Cursor::new(start).chain(reader));
    Ok(if is_packed {
        (Box::new(MultiGzDecoder::new(whole)), true)
    } else {
        (Box::new(whole), false)
    })
}
