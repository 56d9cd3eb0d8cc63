//! A file of the bank as elements that know their line. Only what is asked for is looked at; whatever else
//! a bank adds is passed over.

use std::borrow::Cow;

use encoding_rs::GB18030;
use roxmltree::{Document, Node, ParsingOptions};
use rust_decimal::Decimal;

use super::message::BankValue;

/// Why a file of the bank is not taken. Nothing of it is kept then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BankFileFault {
    #[error("the file has more than {0} bytes")]
    Large(usize),
    #[error("the file is not in UTF-8, nor in GB18030 as its first line would say")]
    NotUtf8,
    #[error("the file is no XML that can be read: {0}")]
    NotXml(String),
    #[error("the file has a DOCTYPE: no message of ISO 20022 has one")]
    Doctype,
    #[error("line {line}: {what}")]
    At { line: u32, what: String },
    /// Which account the file is about, with its first digits hidden.
    #[error("the file is about the account {0}, and no payout goes out from there")]
    OtherAccount(String),
}

/// The most bytes of a file.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most elements, texts and attributes' owners of a file: they are all in memory at once.
const NODES_MAX: u32 = 1_000_000;

/// The most signs `=` from one `<` to the next, and so the most attributes of an element. ISO 20022 has
/// one or two; the parser compares each with each.
const SIGNS_MAX: usize = 256;

fn crowded_line(text: &str) -> Option<u32> {
    let (mut line, mut signs) = (1_u32, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'\n' => line = line.saturating_add(1),
            b'<' => signs = 0,
            b'=' => signs = signs.saturating_add(1),
            _ => {}
        }
        if signs > SIGNS_MAX {
            return Some(line);
        }
    }
    None
}

/// The most bytes of the declaration with which a file begins.
const DECLARATION_MAX: usize = 200;

/// The text of a file: UTF-8, or GB18030 where its declaration says so, by that name or an older one.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, BankFileFault> {
    if bytes.len() > BYTES_MAX {
        return Err(BankFileFault::Large(BYTES_MAX));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if is_gb18030(bytes) {
        let decoded = GB18030.decode_without_bom_handling_and_without_replacement(bytes);
        return decoded.ok_or(BankFileFault::NotUtf8);
    }
    let text = std::str::from_utf8(bytes).map_err(|_invalid| BankFileFault::NotUtf8)?;
    Ok(Cow::Borrowed(text))
}

fn is_gb18030(bytes: &[u8]) -> bool {
    let begin = bytes.get(..DECLARATION_MAX.min(bytes.len())).unwrap_or_default();
    let begin = String::from_utf8_lossy(begin);
    let declaration = begin.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let encoding = declaration.and_then(|(said, _rest)| said.split_once("encoding"));
    let name = encoding.and_then(|(_before, said)| said.split(['"', '\'']).nth(1));
    name.is_some_and(|name| {
        ["GB18030", "GBK", "GB2312"].iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// Reads the text as XML.
pub fn parse(text: &str) -> Result<Document<'_>, BankFileFault> {
    if let Some(line) = crowded_line(text) {
        let what = format!("more than {SIGNS_MAX} signs \"=\" stand before the next \"<\"");
        return Err(BankFileFault::At { line, what });
    }
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => BankFileFault::Doctype,
        other => BankFileFault::NotXml(other.to_string()),
    })
}

/// An element, and what may be read of it.
#[derive(Clone, Copy)]
pub struct Element<'a>(Node<'a, 'a>);

type Read<T> = Result<T, BankFileFault>;

impl<'a> Element<'a> {
    pub const fn root(node: Node<'a, 'a>) -> Self {
        Self(node)
    }

    pub fn name(self) -> &'a str {
        self.0.tag_name().name()
    }

    /// Where the element begins, in bytes of the text.
    pub fn offset(self) -> usize {
        self.0.range().start
    }

    /// The line of a place in the text. It reads all lines before.
    pub fn line_at(self, offset: usize) -> u32 {
        self.0.document().text_pos_at(offset).row
    }

    pub fn fault(self, what: impl Into<String>) -> BankFileFault {
        BankFileFault::At { line: self.line_at(self.offset()), what: what.into() }
    }

    /// All children of a name, in the same namespace.
    pub fn all(self, name: &str) -> impl Iterator<Item = Self> {
        let space = self.0.tag_name().namespace();
        self.0
            .children()
            .filter(move |child| {
                child.is_element()
                    && child.tag_name().name() == name
                    && child.tag_name().namespace() == space
            })
            .map(Self)
    }

    /// The child of a name, which may be there once.
    pub fn one(self, name: &str) -> Read<Option<Self>> {
        let mut found = self.all(name);
        let first = found.next();
        match found.next() {
            Some(second) => {
                Err(second.fault(format!("<{name}> stands twice in <{}>", self.name())))
            }
            None => Ok(first),
        }
    }

    pub fn need(self, name: &str) -> Read<Self> {
        self.one(name)?.ok_or_else(|| self.fault(format!("<{}> has no <{name}>", self.name())))
    }

    /// What is at the end of a path, if all of it is there.
    pub fn at(self, path: &[&str]) -> Read<Option<Self>> {
        let mut here = Some(self);
        for name in path {
            here = match here {
                Some(element) => element.one(name)?,
                None => return Ok(None),
            };
        }
        Ok(here)
    }

    /// The text of the element, without spaces around it: 1 to 140 characters of one line.
    pub fn text(self) -> Read<String> {
        let text = self.0.text().unwrap_or_default().trim();
        let fits =
            !text.is_empty() && text.chars().count() <= 140 && !text.contains(char::is_control);
        if fits && !self.0.children().any(|child| child.is_element()) {
            Ok(text.to_owned())
        } else {
            Err(self.fault(format!("<{}> has no text of 1 to 140 characters", self.name())))
        }
    }

    pub fn text_at(self, path: &[&str]) -> Read<Option<String>> {
        self.at(path)?.map(Self::text).transpose()
    }

    /// An amount with its currency: above or equal to zero, in hundredths.
    pub fn value(self) -> Read<BankValue> {
        let currency = self.0.attribute("Ccy").unwrap_or_default();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(self.fault(format!("<{}> has no currency", self.name())));
        }
        Ok(BankValue { currency: currency.to_owned(), minor: self.minor()? })
    }

    /// A sum without a currency, in hundredths.
    pub fn minor(self) -> Read<i64> {
        let text = self.text()?;
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let decimal = plain.then(|| Decimal::from_str_exact(&text).ok()).flatten();
        let hundredths = decimal.and_then(|it| it.checked_mul(Decimal::ONE_HUNDRED));
        let whole = hundredths.filter(|it| it.is_integer()).and_then(|it| i64::try_from(it).ok());
        whole.ok_or_else(|| {
            self.fault(format!("<{}> is no amount with at most two decimals: {text}", self.name()))
        })
    }

    pub fn count(self) -> Read<u64> {
        let text = self.text()?;
        text.parse().map_err(|_error: std::num::ParseIntError| {
            self.fault(format!("<{}> is no number: {text}", self.name()))
        })
    }
}
