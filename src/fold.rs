//! Folding text before it is compared, so that a name, document, e-mail or address counts as the
//! same however it was typed: with an input method for Chinese (full width), in capitals, with accents
//! put together or apart, or with characters that nobody sees. Folding is for comparing; what is
//! kept and shown is the text as it came.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Compatibility normalisation (Unicode Standard Annex 15): `１` and `①` become `1`, `Ｘ` becomes
/// `X`, `﹫` becomes `@`.
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();

/// A text in compatibility form and lower case, without invisible characters, and with single
/// spaces only between words.
#[must_use]
pub fn fold(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    // Lower case may bring a form that is not normal (`İ`), so the normal form is taken again.
    let lower = NFKC.normalize(&seen).to_lowercase();
    let normal = NFKC.normalize(&lower);
    normal.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The letters and digits of a text, folded: equal for texts that differ in spaces and punctuation
/// only.
#[must_use]
pub fn letters_and_digits(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Whether a text says anything: whether it has a character that is neither space nor invisible.
#[must_use]
pub fn says_something(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_invisible(c))
}

/// Whether a text may be a name: whether it has a letter of any script.
#[must_use]
pub fn has_letter(text: &str) -> bool {
    text.chars().any(|c| c.is_alphabetic() && !is_invisible(c))
}

/// Whether a text is an e-mail address: a local part, `@`, and a domain with a dot (RFC 5321,
/// section 4.1.2, without quoted local parts and address literals).
#[must_use]
pub fn is_email(text: &str) -> bool {
    let folded = fold(text);
    let Some((local, domain)) = folded.rsplit_once('@') else { return false };
    let is_plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && !text.ends_with('.')
            && !text.contains("..")
            && !text.chars().any(|c| c.is_whitespace() || "@,;:<>()[]\\\"".contains(c))
    };
    let is_seen = !text.chars().any(is_invisible);
    // No top-level domain is a number (RFC 3696, section 2), which tells names from addresses.
    let is_top = |label: &str| label.chars().count() >= 2 && label.chars().any(char::is_alphabetic);
    let is_label = |label: &str| {
        label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    is_seen
        && is_plain(local)
        && local.len() <= 64
        && is_plain(domain)
        && domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(|(_host, top)| is_top(top))
}

/// Whether a character changes the direction of the text around it, so that the text is read in
/// another order than it is written: marks, embeddings, overrides and isolates (Unicode Standard
/// Annex 9).
#[must_use]
pub const fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether nobody sees a character: the default-ignorable code points of Unicode (zero-width
/// characters, directions, variation selectors, soft hyphens, fillers and tags).
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_text_is_one_however_it_is_typed() {
        let same = [
            ("11010119900307119X", "１１０１０１1990 0307-119ｘ"),
            ("Li Lei", "ＬＩ\u{3000}ｌｅｉ"),
            ("li lei", "Li\u{200b} Lei\u{feff}"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("上海市浦东新区1号", "上海市浦东新区１号"),
            ("office", "o\u{fb03}ce"),
            ("lilei", "li\u{61c}lei"),
            ("11010119900307119X", "\u{2066}11010119900307119x\u{2069}"),
        ];
        for (one, other) in same {
            assert_eq!(letters_and_digits(one), letters_and_digits(other), "{one} {other}");
        }
        assert_eq!(fold(" a＠B.cn "), "a@b.cn");
        assert_ne!(letters_and_digits("12 Harbour Road"), letters_and_digits("13 Harbour Road"));
    }

    #[test]
    fn blank_texts_say_nothing() {
        for text in ["", " ", "\u{3000}\u{3000}", "\u{200b}", "\u{202e}", "\u{2800}", "\u{3164}"] {
            assert!(!says_something(text), "{text:?}");
        }
        assert!(says_something("-"));
        for name in ["-", "123", "\u{200b}", "\u{3000}", "\u{3164}", "。"] {
            assert!(!has_letter(name), "{name:?}");
        }
        for name in ["李雷", "O'Neil", "\u{202e}Li", "Ж", "\u{fdf2}"] {
            assert!(has_letter(name), "{name:?}");
        }
    }

    #[test]
    fn an_address_has_a_local_part_and_a_domain() {
        for good in ["a@b.cn", "li.lei+bank@mail.example", "李雷@例子.中国", "a＠b．cn"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["@", "a@", "@b.cn", "a b@c.cn", "a@b", "a@b..cn", "a@-b.cn", "a@@b.cn", "a", ""]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_so(text in "\\PC{0,40}") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }
    }
}
