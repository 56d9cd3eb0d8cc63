use std::borrow::Cow;

use encoding_rs::GB18030;

/// How a file's characters are written. In both no part of a longer character looks like a comma,
/// a quote or the end of a line, so that lines and fields are found before anything is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    /// GB 18030, and with it GBK and GB 2312.
    Gb18030,
}

/// Works out the charset of a file that does not say which it is, from all of its lines.
#[derive(Debug, Default)]
pub struct Guess {
    line: Vec<u8>,
    /// Lines that are more than ASCII, by what they can be read as.
    utf8: u64,
    only_gb18030: u64,
    neither: u64,
}

/// A longer line is looked at in pieces.
const LINE_BYTES_MAX: usize = 64 * 1024;

impl Charset {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gb18030 => "gb18030",
        }
    }

    /// By its name of IANA, or those of the charsets that it contains.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "gb18030" | "gbk" | "gb2312" => Some(Self::Gb18030),
            _ => None,
        }
    }

    /// Reads text; `None` when it is not of this charset.
    #[must_use]
    pub fn read(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }
}

impl Guess {
    /// Looks at the next bytes of the file.
    pub fn look(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() > LINE_BYTES_MAX {
                self.end_line();
            }
        }
    }

    /// Chinese in GB 18030 is hardly ever UTF-8 by chance, while UTF-8 often passes for GB 18030: so a
    /// few bad lines do not make a UTF-8 file anything else.
    #[must_use]
    pub fn charset(mut self) -> Charset {
        self.end_line();
        let is_gb18030 = self.only_gb18030 > self.utf8 && self.only_gb18030 > self.neither;
        if is_gb18030 { Charset::Gb18030 } else { Charset::Utf8 }
    }

    fn end_line(&mut self) {
        if !self.line.is_ascii() {
            let count = if Charset::Utf8.read(&self.line).is_some() {
                &mut self.utf8
            } else if Charset::Gb18030.read(&self.line).is_some() {
                &mut self.only_gb18030
            } else {
                &mut self.neither
            };
            *count = count.saturating_add(1);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(bytes: &[u8]) -> Charset {
        // In pieces, as a file is read.
        let mut guess = Guess::default();
        bytes.chunks(7).for_each(|piece| guess.look(piece));
        guess.charset()
    }

    #[test]
    fn a_charset_is_found_and_a_broken_line_does_not_change_it() {
        let text = "order,store\n1,朝阳门店\n2,茶馆\n3,plain\n";
        let (gb18030, _, _) = GB18030.encode(text);
        assert_eq!(guess(text.as_bytes()), Charset::Utf8);
        assert_eq!(guess(&gb18030), Charset::Gb18030);
        assert_eq!(guess(b"only,ascii\n"), Charset::Utf8);
        assert_eq!(guess(b""), Charset::Utf8);
        let cut = [text.as_bytes(), &"4,门".as_bytes()[..4], b"\n"].concat();
        assert_eq!(guess(&cut), Charset::Utf8);
        let cut = [&gb18030, b"4,\xff\n".as_slice()].concat();
        assert_eq!(guess(&cut), Charset::Gb18030);
    }

    #[test]
    fn text_is_read_or_not_and_never_guessed_at() {
        let (gb18030, _, _) = GB18030.encode("门店");
        assert_eq!(Charset::Gb18030.read(&gb18030).unwrap(), "门店");
        assert_eq!(Charset::Utf8.read(&gb18030), None);
        assert_eq!(Charset::Gb18030.read(b"\xff"), None);
        assert_eq!(Charset::by_name("GBK"), Some(Charset::Gb18030));
        assert_eq!(Charset::by_name("latin-1"), None);
    }
}
