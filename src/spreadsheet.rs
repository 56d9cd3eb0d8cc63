//! Text of other people in CSV that people open in a spreadsheet.

use std::borrow::Cow;

/// A cell that begins with one of these may run as a formula (OWASP, "CSV Injection"; CWE-1236).
const BEGINS_FORMULA: [char; 8] =
    ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The text of a cell, after an apostrophe if a spreadsheet might run it as a formula. Numbers of our
/// own do not need this, and a negative one would no longer be a number.
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    let begins_formula = text.trim_start().starts_with(BEGINS_FORMULA);
    if begins_formula || text.starts_with(['\t', '\r', '\n']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_might_run_gets_an_apostrophe_and_others_stay() {
        for text in [
            "=1+1", "+86", "-5.00", "@SUM(1)", " =1", "\t=1", "\r1", "\n1", "＝1", "＋1", "－1",
            "＠x",
        ] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", " ", "t-1", "a=b", "朝阳门店", "9.90", "2026-11-01T10:00:00Z", "'=1"] {
            assert_eq!(cell(text), text);
        }
    }
}
