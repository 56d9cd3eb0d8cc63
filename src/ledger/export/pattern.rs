/// Which accounts are meant: the beginning of a name (`partner:green-basket`), or a whole name with
/// stars for any text (`customer:*:points_available`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPattern(String);

impl AccountPattern {
    #[must_use]
    pub const fn new(pattern: String) -> Self {
        Self(pattern)
    }

    /// Whether an account's name, as journals write it, is meant.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return true };
        for piece in pieces {
            let Some((_any, after)) = rest.split_once(piece) else { return false };
            rest = after;
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_beginning_or_has_stars_for_any_text() {
        let name = "partner:green-basket:points_funding";
        for pattern in ["", "partner:", name, "*", "*funding", "partner:*:points_*", "p*basket:*g"]
        {
            assert!(AccountPattern::new(pattern.to_owned()).fits(name), "{pattern}");
        }
        for pattern in ["bank", "basket", "partner:*:points", "*x*", "partner:green-basket:*s*x"] {
            assert!(!AccountPattern::new(pattern.to_owned()).fits(name), "{pattern}");
        }
    }
}
