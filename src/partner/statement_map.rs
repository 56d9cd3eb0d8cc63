//! How a partner writes its statements: columns by the names of their headings.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::Deserialize;

use super::rules::matching::MatchingRules;
use crate::money::{Amount, Asset};

/// The columns of a partner's statement, as the manifest's `[statement]` has them. Columns that are
/// not named are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementMap {
    /// The id of the event that the partner sent us, if its statement has it.
    pub event: Option<String>,
    /// The partner's number of the order. One of the two must be there.
    pub order: Option<String>,
    /// RFC 3339, or `2026-10-31 23:59:59` by the programme's clock.
    pub occurred_at: String,
    pub amount: String,
    /// For words of `kind` whose amount stands in another column: that column.
    #[serde(default)]
    pub amounts: BTreeMap<String, String>,
    /// How lines begin that are none, such as `#`. The header is the first line that is one.
    pub comment: Option<String>,
    /// What happened, in the partner's words. Without it a line above zero is a payment, and one below
    /// zero a refund.
    pub kind: Option<String>,
    /// What the words of `kind` mean.
    #[serde(default)]
    pub kinds: BTreeMap<String, LineMeaning>,
    /// Without it all amounts are in CNY. Points are always points.
    pub currency: Option<String>,
    pub store: Option<String>,
    /// Whether the line came to anything, in the partner's words.
    pub status: Option<String>,
    /// The words of `status` for a line that came to nothing.
    #[serde(default)]
    pub void: BTreeSet<String>,
    /// The file's last line, if the partner writes totals.
    pub trailer: Option<Trailer>,
    /// Where rows match that are not the same.
    #[serde(default)]
    pub matching: MatchingRules,
    /// The most that may be written off of one break, by two persons.
    write_off_max: Option<String>,
}

/// What a line of a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineMeaning {
    Payment,
    Refund,
    Redemption,
    Return,
    /// It is not compared, such as a fee.
    Ignored,
}

/// How a statement says what its lines come to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenTrailer")]
pub enum Trailer {
    Line(TrailerLine),
    /// In a comment, by a regular expression with the groups `count` and `total`.
    Comment {
        pattern: String,
    },
}

/// A line with the number of lines and sums of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailerLine {
    /// What its first cell says, or the first cell of its own headings.
    pub mark: String,
    /// The heading under which the number of lines stands.
    pub count: String,
    /// The heading under which the sum of all amounts stands, as they are written.
    pub total: Option<String>,
    /// Headings of columns, each with the heading of its sum.
    pub totals: BTreeMap<String, String>,
    /// The line that begins with the mark has headings of its own; the totals stand on the next.
    pub own_headings: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTrailer {
    mark: Option<String>,
    count: Option<String>,
    total: Option<String>,
    #[serde(default)]
    totals: BTreeMap<String, String>,
    #[serde(default)]
    own_headings: bool,
    pattern: Option<String>,
}

impl TryFrom<WrittenTrailer> for Trailer {
    type Error = String;

    fn try_from(written: WrittenTrailer) -> Result<Self, String> {
        let WrittenTrailer { mark, count, total, totals, own_headings, pattern } = written;
        match (mark, count, pattern) {
            (Some(mark), Some(count), None) => {
                let named = [&mark, &count].into_iter().chain(&total).chain(totals.keys());
                if named.chain(totals.values()).any(|name| name.trim().is_empty()) {
                    return Err("trailer: expected names".to_owned());
                }
                if total.is_none() && totals.is_empty() {
                    return Err("trailer: expected total or totals".to_owned());
                }
                Ok(Self::Line(TrailerLine { mark, count, total, totals, own_headings }))
            }
            (None, None, Some(pattern)) if total.is_none() && totals.is_empty() => {
                let compiled = Regex::new(&pattern).map_err(|error| error.to_string())?;
                let groups: Vec<&str> = compiled.capture_names().flatten().collect();
                if groups.contains(&"count") && groups.contains(&"total") {
                    Ok(Self::Comment { pattern })
                } else {
                    Err("trailer.pattern: expected the groups count and total".to_owned())
                }
            }
            _ => Err("trailer: expected mark and count, or pattern alone".to_owned()),
        }
    }
}

impl StatementMap {
    /// What is wrong with it, if anything is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        if self.event.is_none() && self.order.is_none() {
            return Some("expected event or order: a line needs a key".to_owned());
        }
        if self.kind.is_none() != self.kinds.is_empty() {
            return Some("expected kind with kinds, or neither".to_owned());
        }
        if self.status.is_none() != self.void.is_empty() {
            return Some("expected status with void, or neither".to_owned());
        }
        if matches!(self.trailer, Some(Trailer::Comment { .. })) && self.comment.is_none() {
            return Some("trailer.pattern: expected comment".to_owned());
        }
        if let Some(word) = self.amounts.keys().find(|word| !self.kinds.contains_key(*word)) {
            return Some(format!("amounts: {word} is no word of kinds"));
        }
        let named = [
            ("event", self.event.as_ref()),
            ("order", self.order.as_ref()),
            ("occurred_at", Some(&self.occurred_at)),
            ("amount", Some(&self.amount)),
            ("kind", self.kind.as_ref()),
            ("currency", self.currency.as_ref()),
            ("store", self.store.as_ref()),
            ("status", self.status.as_ref()),
            ("comment", self.comment.as_ref()),
        ];
        let empty = named.iter().find(|(_key, name)| name.is_some_and(|it| it.trim().is_empty()));
        if let Some((key, _name)) = empty {
            return Some(format!("{key}: expected a name"));
        }
        let max = self.write_off_max.as_ref()?;
        match Amount::parse(max, Asset::CNY) {
            Ok(amount) if !amount.is_negative() => None,
            Ok(_below) => Some("write_off_max: must not be negative".to_owned()),
            Err(error) => Some(format!("write_off_max: {error}")),
        }
    }

    /// Nothing may be written off without it.
    #[must_use]
    pub fn write_off_max(&self) -> Amount {
        let max = self.write_off_max.as_ref();
        max.and_then(|max| Amount::parse(max, Asset::CNY).ok()).unwrap_or(Amount::zero(Asset::CNY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "order = \"order_no\"\noccurred_at = \"at\"\namount = \"amount\"\n";

    fn fault(text: &str) -> Option<String> {
        toml::from_str::<StatementMap>(text).unwrap().fault()
    }

    #[test]
    fn a_map_says_how_a_line_is_known_and_what_its_words_mean() {
        assert_eq!(fault(GOOD), None);
        let more = format!("{GOOD}kind = \"type\"\nkinds = {{ SALE = \"payment\" }}\n");
        assert_eq!(fault(&more), None);
        let said = |more: &str| fault(&format!("{GOOD}{more}")).unwrap();
        assert!(said("kind = \"type\"").contains("kinds"));
        assert!(said("void = [\"CLOSED\"]").contains("status"));
        assert!(said("store = \" \"").contains("store: expected a name"));
        assert!(said("write_off_max = \"-1.00\"").contains("negative"));
        assert!(fault(&GOOD.replace("order =", "store =")).unwrap().contains("a key"));
        let map: StatementMap = toml::from_str(&format!("{GOOD}write_off_max = \"5.00\"")).unwrap();
        assert_eq!(map.write_off_max().to_string(), "5.00");
    }
}
