use std::borrow::Cow;

use encoding_rs::GB18030;

/// How the characters of a file are encoded. In both charsets no part of a longer character looks
/// like a comma, a quote or the end of a line, so lines and fields are found before decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    /// GB 18030, which includes GBK and GB 2312.
    Gb18030,
}

/// Finds the charset of a file that does not name it, from all of its lines.
#[derive(Debug, Default)]
pub struct Guess {
    /// The first bytes of the file, for a byte order mark.
    start: Vec<u8>,
    line: Vec<u8>,
    /// Lines that speak for UTF-8.
    utf8: u64,
    /// Lines that are GB 18030 and cannot be UTF-8.
    gb18030: u64,
    /// Lines that are neither.
    neither: u64,
}

/// A longer line is judged in pieces.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest byte order mark.
const MARK_BYTES_MAX: usize = 4;

impl Charset {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gb18030 => "gb18030",
        }
    }

    /// Reads a charset's IANA name, or the name of a charset that it includes.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "gb18030" | "gbk" | "gb2312" => Some(Self::Gb18030),
            _ => None,
        }
    }

    /// The byte order mark that a file in this charset may begin with.
    #[must_use]
    pub const fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 => &[0xef, 0xbb, 0xbf],
            Self::Gb18030 => &[0x84, 0x31, 0x95, 0x33],
        }
    }

    /// Decodes text; `None` if it is not in this charset.
    #[must_use]
    pub fn read(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }

    /// Decodes text; what is not in this charset becomes U+FFFD.
    #[must_use]
    pub fn read_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Gb18030 => GB18030.decode_without_bom_handling(bytes).0,
        }
    }
}

impl Guess {
    /// Looks at the next bytes of the file.
    pub fn look(&mut self, bytes: &[u8]) {
        let missing = MARK_BYTES_MAX.saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(missing));
        let ends_line = |byte: &u8| matches!(byte, b'\n' | b'\r');
        for piece in bytes.split_inclusive(ends_line) {
            self.line.extend_from_slice(piece);
            if piece.last().is_some_and(ends_line) || self.line.len() > LINE_BYTES_MAX {
                self.end_line();
            }
        }
    }

    /// A byte order mark decides. Otherwise a line that cannot be UTF-8 is proof of GB 18030, unless
    /// more lines speak for UTF-8: so a few broken lines do not change a UTF-8 file's charset.
    #[must_use]
    pub fn charset(mut self) -> Charset {
        self.end_line();
        let marked = |charset: &Charset| self.start.starts_with(charset.mark());
        if let Some(charset) = [Charset::Utf8, Charset::Gb18030].into_iter().find(marked) {
            return charset;
        }
        let is_gb18030 = self.gb18030 > self.utf8 && self.gb18030 >= self.neither;
        if is_gb18030 { Charset::Gb18030 } else { Charset::Utf8 }
    }

    fn end_line(&mut self) {
        if !self.line.is_ascii() {
            let is_gb18030 = Charset::Gb18030.read(&self.line).is_some();
            match Charset::Utf8.read(&self.line) {
                // Chinese takes three bytes in UTF-8, and text in GB 18030 hardly ever passes for
                // that. Characters of two bytes prove nothing: one of them may be a Chinese
                // character in GB 18030, such as 女 (C5 AE) or 元 (D4 AA).
                Some(text) if !is_gb18030 || text.chars().any(|letter| letter.len_utf8() > 2) => {
                    self.utf8 = self.utf8.saturating_add(1);
                }
                Some(_either) => {}
                None if is_gb18030 => self.gb18030 = self.gb18030.saturating_add(1),
                None => self.neither = self.neither.saturating_add(1),
            }
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
    fn one_line_that_cannot_be_utf8_is_proof_and_ten_that_could_be_both_are_none() {
        // Each of these characters alone is good UTF-8, too.
        for letter in ["女", "元", "路", "楼", "鹿", "茅", "毛", "一"] {
            let text = format!("id,sex\n{}", format!("1,{letter}\n").repeat(10));
            let (either, _, _) = GB18030.encode(&text);
            assert_eq!(guess(&either), Charset::Utf8, "{letter}: nothing speaks against it");
            let proof = [&*either, &GB18030.encode("2,男\n").0].concat();
            assert_eq!(guess(&proof), Charset::Gb18030, "{letter}");
            assert_eq!(
                guess(
                    &proof
                        .iter()
                        .map(|byte| if *byte == b'\n' { b'\r' } else { *byte })
                        .collect::<Vec<u8>>()
                ),
                Charset::Gb18030
            );
        }
        let text = "id,sex\n1,女\n2,男\n3,女\n";
        assert_eq!(guess(text.as_bytes()), Charset::Utf8);
    }

    #[test]
    fn a_byte_order_mark_decides() {
        let text = "\u{feff}\"id\",x\n1,女\n";
        assert_eq!(guess(text.as_bytes()), Charset::Utf8);
        assert_eq!(guess(&GB18030.encode(text).0), Charset::Gb18030);
        assert!(GB18030.encode(text).0.starts_with(Charset::Gb18030.mark()));
    }

    #[test]
    fn text_is_decoded_or_refused_and_never_guessed() {
        let (gb18030, _, _) = GB18030.encode("门店");
        assert_eq!(Charset::Gb18030.read(&gb18030).unwrap(), "门店");
        assert_eq!(Charset::Utf8.read(&gb18030), None);
        assert_eq!(Charset::Gb18030.read(b"\xff"), None);
        assert_eq!(Charset::by_name("GBK"), Some(Charset::Gb18030));
        assert_eq!(Charset::by_name("latin-1"), None);
    }
}
