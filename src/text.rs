//! What a text shows to a person: characters that mislead, and the form of a label.

/// Whether a character makes text look different from what it says: it breaks the line, or turns
/// the direction of what follows (UAX #9).
#[must_use]
pub const fn misleads(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text is a label of a thing, in any script: 1 to 128 characters, none of them a control
/// character or one that nobody sees, and neither the first nor the last a space.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let edges = [text.chars().next(), text.chars().next_back()];
    text.chars().nth(128).is_none()
        && edges.iter().all(|edge| edge.is_some_and(|c| !c.is_whitespace()))
        && !text.chars().any(|c| c.is_control() || is_hidden(c))
}

/// Characters that a label does without. The API's description of labels names the same.
const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_may_be_chinese_and_has_no_blank_edge() {
        for label in ["门店 3", "S-1", "=1+1", &"店".repeat(128)] {
            assert!(is_label(label), "{label}");
        }
        let wrong =
            ["", " ", " a", "a\u{3000}", "a\nb", "\u{200b}", "a\u{202e}b", &"店".repeat(129)];
        for label in wrong {
            assert!(!is_label(label), "{label:?}");
        }
    }
}
