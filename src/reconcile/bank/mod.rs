//! What the bank answers: its statement (`camt.053`), its notification (`camt.054`) and its status report
//! (`pain.002`), as ISO 20022 has them.

mod camt;
pub mod code;
pub mod judge;
pub mod message;
mod pain_002;
pub mod state;
mod xml;

use message::BankFile;
pub use xml::{BYTES_MAX, BankFileFault};
use xml::{Element, parse, text};

/// Reads a file of the bank: any of the three messages.
///
/// # Errors
/// [`BankFileFault`], with the line.
pub fn read(bytes: &[u8]) -> Result<BankFile, BankFileFault> {
    let text = text(bytes)?;
    let tree = parse(&text)?;
    let node = tree.root_element();
    let document = Element::root(node);
    let space = node.tag_name().namespace().unwrap_or_default();
    let kind = space.strip_prefix("urn:iso:std:iso:20022:tech:xsd:").unwrap_or_default();
    if document.name() != "Document" {
        return Err(document.fault(format!("expected <Document>, found <{}>", document.name())));
    }
    let version = |name: &str| {
        let version = kind.strip_prefix(name).and_then(|rest| rest.strip_prefix(".001."));
        version.is_some_and(|it| it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut file = if version("camt.053") {
        camt::read_statement(document)?
    } else if version("camt.054") {
        camt::read_notification(document)?
    } else if version("pain.002") {
        pain_002::read(document)?
    } else {
        let expected = "expected a message camt.053.001, camt.054.001 or pain.002.001 of ISO 20022";
        return Err(document.fault(format!("{expected}, found the namespace \"{space}\"")));
    };
    number_lines(tree.input_text(), &mut file);
    Ok(file)
}

/// Entries stand in the order of the text, so that one pass finds all lines.
fn number_lines(text: &str, file: &mut BankFile) {
    let mut bytes = text.bytes().enumerate().peekable();
    let mut line = 1_u32;
    for entry in &mut file.entries {
        while let Some((_place, byte)) = bytes.next_if(|(place, _byte)| *place < entry.offset) {
            line = line.saturating_add(u32::from(byte == b'\n'));
        }
        entry.line = line;
    }
}

#[cfg(test)]
mod tests;
