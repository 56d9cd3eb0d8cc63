//! Notices to customers, as the programme writes them: their kinds, how many days ahead, and texts.

use serde::Deserialize;

use crate::template::{self, Template};

/// Points that expire unless they are spent. The gateway finds only this kind by itself; the bank's
/// systems announce all others.
pub const POINTS_EXPIRING: &str = "points_expiring";

/// Points that were redeemed: told at once, at any hour, because it may have been somebody else.
pub const POINTS_REDEEMED: &str = "points_redeemed";

/// A redemption that the customer has to confirm. The notice goes out at once, at any hour, because the till
/// waits.
pub const REDEMPTION_TO_CONFIRM: &str = "redemption_to_confirm";

/// Whether notices of a kind go out at once, at any hour.
#[must_use]
pub fn is_told_at_once(kind: &str) -> bool {
    kind == POINTS_REDEEMED || kind == REDEMPTION_TO_CONFIRM
}

/// A kind of notice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeKind {
    pub kind: String,
    /// How many days ahead customers get the notice, once for each number. None for what has happened.
    pub days: Vec<u32>,
    /// Law or contract requires the notice: customers cannot refuse it.
    #[serde(default)]
    pub required: bool,
    #[serde(deserialize_with = "template::read")]
    pub says: Template,
    #[serde(deserialize_with = "template::read")]
    pub says_zh: Template,
}

/// No notice comes more than a year ahead.
const DAYS_MAX: u32 = 366;

impl NoticeKind {
    /// The numbers of days ahead, the longest first, each with the next shorter number.
    #[must_use]
    pub fn ahead(&self) -> Vec<(u32, Option<u32>)> {
        let mut days = self.days.clone();
        days.sort_unstable();
        days.dedup();
        let below = std::iter::once(None).chain(days.iter().copied().map(Some));
        let mut ahead: Vec<(u32, Option<u32>)> = days.iter().copied().zip(below).collect();
        ahead.reverse();
        ahead
    }

    /// Whether the bank's own systems announce what it tells of.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.kind != POINTS_EXPIRING && !is_told_at_once(&self.kind)
    }

    /// The first fault of this kind, if any.
    fn fault(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.kind.is_empty() || self.kind.len() > 40 || !self.kind.chars().all(plain) {
            return Some("expected a kind of 1 to 40 lower-case letters, digits and _".to_owned());
        }
        if self.days.is_empty() != is_told_at_once(&self.kind) {
            return Some(format!(
                "{}: expected days, but for {POINTS_REDEEMED} and {REDEMPTION_TO_CONFIRM} none",
                self.kind
            ));
        }
        if self.days.iter().any(|days| !(1..=DAYS_MAX).contains(days)) {
            return Some(format!("{}: expected days from 1 to {DAYS_MAX}", self.kind));
        }
        let known: &[&str] = match self.kind.as_str() {
            POINTS_EXPIRING => &["points", "date"],
            POINTS_REDEEMED | REDEMPTION_TO_CONFIRM => &["points", "partner", "date"],
            _announced => &["amount", "currency", "date"],
        };
        let texts = [&self.says, &self.says_zh];
        if texts.iter().any(|text| text.is_empty()) {
            return Some(format!("{}: a text is empty", self.kind));
        }
        let unknown = texts.iter().find_map(|text| text.unknown(known))?;
        Some(format!("{}: there is no {{{unknown}}}; there is {}", self.kind, known.join(", ")))
    }
}

/// The first fault of these kinds, if any.
#[must_use]
pub fn fault(kinds: &[NoticeKind]) -> Option<String> {
    let twice = kinds
        .iter()
        .enumerate()
        .find(|(place, kind)| kinds.iter().take(*place).any(|earlier| earlier.kind == kind.kind));
    if let Some((_place, twice)) = twice {
        return Some(format!("{} stands twice", twice.kind));
    }
    kinds.iter().find_map(NoticeKind::fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::programme::Programme;

    fn usual() -> Vec<NoticeKind> {
        Programme::parse(Programme::DEFAULT, Programme::FILE).unwrap().notice
    }

    #[test]
    fn what_comes_with_the_program_tells_of_points_fees_and_instalments() {
        let kinds = usual();
        assert_eq!(fault(&kinds), None);
        let of = |name: &str| kinds.iter().find(|it| it.kind == name).unwrap();
        assert!(!of(POINTS_EXPIRING).required);
        assert!(of("fee_due").required && of("instalment_due").required);
        assert_eq!(of(POINTS_EXPIRING).ahead(), [(30, Some(7)), (7, Some(1)), (1, None)]);
    }

    #[test]
    fn what_cannot_be_said_is_found() {
        let kinds = |change: fn(&mut NoticeKind)| {
            let mut kinds = usual();
            kinds.iter_mut().for_each(change);
            fault(&kinds).unwrap_or_default()
        };
        assert!(kinds(|it| it.days.clear()).contains("expected days"));
        assert!(
            kinds(|it| it.kind = "Fee".to_owned()).contains("expected a kind")
                || kinds(|it| it.kind = "Fee".to_owned()).contains("twice")
        );
        assert!(kinds(|it| it.says = Template::parse("{name}").unwrap()).contains("no {name}"));
        assert!(kinds(|it| it.says_zh = Template::parse("").unwrap()).contains("empty"));
        assert!(kinds(|it| it.kind = "same".to_owned()).contains("twice"));
    }
}
