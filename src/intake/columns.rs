use csv::StringRecord;
use serde_json::{Map, Value, json};

use super::error::IntakeError;
use crate::event::Payment;
use crate::partner::file_map::FileMap;

/// In which column of a line each field stands.
pub struct Columns {
    id: usize,
    member: usize,
    occurred_at: usize,
    data: Vec<(&'static str, usize)>,
}

/// At most this many columns are named in a message, each with this many characters.
const NAMED_MAX: usize = 20;
const NAME_CHARACTERS_MAX: usize = 40;

/// A run of this many digits is data, not a heading: it may be a number of a person.
const DIGITS_MAX: usize = 3;

impl Columns {
    /// Finds the columns that the manifest maps.
    ///
    /// # Errors
    /// [`IntakeError`], which says what was seen in place of the columns.
    pub fn find(map: &FileMap, header: &StringRecord) -> Result<Self, IntakeError> {
        let place = |name: &str| place_of(name, header);
        let mut data = vec![("order", place(map.order.as_ref().unwrap_or(&map.id))?)];
        for (field, column) in
            [("gross", &map.gross), ("discount", &map.discount), ("paid", &map.paid)]
        {
            data.push((field, place(column)?));
        }
        let optional = [("stage", &map.stage), ("store", &map.store), ("scheme", &map.scheme)];
        for (field, column) in optional {
            if let Some(column) = column {
                data.push((field, place(column)?));
            }
        }
        Ok(Self {
            id: place(&map.id)?,
            member: place(&map.member)?,
            occurred_at: place(&map.occurred_at)?,
            data,
        })
    }

    /// The line as the event that the API would have received.
    #[must_use]
    pub fn event(&self, record: &StringRecord) -> Value {
        let text = |column: usize| record.get(column).unwrap_or_default();
        let mut data = Map::new();
        data.insert("member".to_owned(), json!(text(self.member)));
        data.insert("currency".to_owned(), json!("CNY"));
        for (field, column) in &self.data {
            let optional = matches!(*field, "stage" | "store" | "scheme");
            if !(optional && text(*column).is_empty()) {
                data.insert((*field).to_owned(), json!(text(*column)));
            }
        }
        json!({
            "specversion": "1.0",
            "id": text(self.id),
            "source": "import",
            "type": Payment::TYPE,
            "time": text(self.occurred_at),
            "data": data,
        })
    }
}

/// The place of a column by its name.
///
/// # Errors
/// [`IntakeError::NoColumn`], [`IntakeError::ColumnTwice`].
pub fn place_of(name: &str, header: &StringRecord) -> Result<usize, IntakeError> {
    let mut places = header.iter().enumerate().filter(|(_place, column)| *column == name);
    match (places.next(), places.next()) {
        (Some((place, _column)), None) => Ok(place),
        (Some(_), Some(_)) => Err(IntakeError::ColumnTwice(shown(name))),
        (None, _) => Err(missing(name, header)),
    }
}

/// The column is not there: says what the header looks like.
fn missing(name: &str, header: &StringRecord) -> IntakeError {
    let only = (header.len() == 1).then(|| header.get(0).unwrap_or_default());
    let seen = if let Some(excel) = only.filter(|only| only.trim().starts_with("sep=")) {
        format!("the first line is {}, which only Excel reads: leave it out", shown(excel))
    } else if header.iter().next().is_some_and(|first| first.trim() == "sep=") {
        "the first line is sep=, which only Excel reads: leave it out".to_owned()
    } else if let Some(separator) = only.and_then(separator_of) {
        format!("it looks as if {separator} separates the fields; expected a comma")
    } else if header.iter().any(looks_like_data) {
        "the first line looks like data: expected a header line with the names of the columns"
            .to_owned()
    } else if let Some(close) = header.iter().find(|column| is_nearly(column, name)) {
        format!("it has {}: letters, their case and spaces must be the same", quoted(close))
    } else {
        let named: Vec<String> = header.iter().take(NAMED_MAX).map(quoted).collect();
        let more = if header.len() > NAMED_MAX { ", …" } else { "" };
        format!("the columns read are: {}{more}", named.join(", "))
    };
    IntakeError::NoColumn { name: name.to_owned(), seen }
}

/// What stands between the names of a header that has no comma.
fn separator_of(only: &str) -> Option<&'static str> {
    let known = [
        (';', "a semicolon"),
        ('\t', "a tab"),
        ('|', "a pipe (|)"),
        ('\u{ff0c}', "a full-width comma (，)"),
    ];
    known.iter().find(|(letter, _name)| only.contains(*letter)).map(|(_letter, name)| *name)
}

/// Numbers are data; and they may be a person's, so they are not repeated.
fn looks_like_data(column: &str) -> bool {
    let mut run = 0_usize;
    let long_run = column.chars().any(|letter| {
        run = if letter.is_ascii_digit() { run.saturating_add(1) } else { 0 };
        run > DIGITS_MAX
    });
    let is_amount = !column.is_empty()
        && column.chars().any(|letter| letter.is_ascii_digit())
        && column.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | '-'));
    long_run || is_amount
}

fn is_nearly(column: &str, name: &str) -> bool {
    let plain = |text: &str| {
        text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
    };
    !plain(name).is_empty() && plain(column) == plain(name)
}

fn quoted(name: &str) -> String {
    format!("{:?}", shown(name))
}

/// A heading in a message: short, and without control characters.
fn shown(name: &str) -> String {
    let mut letters = name.chars().filter(|letter| !letter.is_control());
    let mut text: String = letters.by_ref().take(NAME_CHARACTERS_MAX).collect();
    if letters.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> FileMap {
        let text = |name: &str| name.to_owned();
        FileMap {
            id: text("payment_id"),
            order: None,
            stage: None,
            member: text("member_no"),
            store: None,
            occurred_at: text("paid_at"),
            gross: text("gross"),
            discount: text("discount"),
            paid: text("paid"),
            scheme: None,
        }
    }

    fn refused(header: &[&str]) -> String {
        Columns::find(&map(), &StringRecord::from(header.to_vec())).err().unwrap().to_string()
    }

    #[test]
    fn a_mapped_column_that_stands_twice_is_refused_by_name_and_others_may() {
        let good = ["payment_id", "member_no", "paid_at", "gross", "discount", "paid"];
        let with = |more: &[&'static str]| [good.as_slice(), more].concat();
        assert!(
            Columns::find(&map(), &StringRecord::from(with(&["", "", "note", "note"]))).is_ok()
        );
        for name in good {
            let said = refused(&with(&[name]));
            assert!(said.contains(name) && said.contains("twice"), "{said}");
        }
    }

    #[test]
    fn a_header_that_does_not_fit_is_described() {
        for (header, words) in [
            (vec!["payment_id;member_no;paid"], "semicolon"),
            (vec!["payment_id\tmember_no"], "a tab"),
            (vec!["payment_id|member_no"], "a pipe"),
            (vec!["sep=;"], "leave it out"),
            (vec!["sep=", ""], "leave it out"),
            (vec!["PAYMENT_ID", "MEMBER_NO"], "\"PAYMENT_ID\""),
            (vec!["payment id", "member"], "\"payment id\""),
            (vec!["订单", "会员"], "\"订单\", \"会员\""),
            (vec!["t-1", "13800138000", "9.90"], "looks like data"),
        ] {
            let said = refused(&header);
            assert!(said.contains(words) && said.contains("payment_id"), "{said}");
            assert!(!said.contains("13800138000"), "{said}");
        }
        let many: Vec<String> = (0..300).map(|_| "x".repeat(900)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(refused(&many).len() < 1_500);
    }
}
