//! Sentences with `{names}` in them, written as data and filled in when they are used.

/// A checked sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece<String>>);

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<N> {
    Words(String),
    Name(N),
}

/// Splits a sentence into parts, each name with what it stands for. A doubled brace is a brace.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn pieces<N>(
    text: &str,
    named: impl Fn(&str) -> Result<N, String>,
) -> Result<Vec<Piece<N>>, String> {
    let (mut pieces, mut words) = (Vec::new(), String::new());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' if rest.next_if_eq(&c).is_some() => words.push(c),
            '{' => {
                let mut name = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(c) => name.push(c),
                        None => return Err("a brace is never closed".to_owned()),
                    }
                }
                pieces.push(Piece::Words(std::mem::take(&mut words)));
                pieces.push(Piece::Name(named(&name)?));
            }
            '}' => return Err("a brace is never opened: write }} for a brace".to_owned()),
            other => words.push(other),
        }
    }
    pieces.push(Piece::Words(words));
    Ok(pieces)
}

impl Template {
    /// Reads a sentence, whatever its names are.
    ///
    /// # Errors
    /// Those of [`pieces`].
    pub fn parse(text: &str) -> Result<Self, String> {
        pieces(text, |name| Ok(name.to_owned())).map(Self)
    }

    /// The first name in the sentence that is not in the list.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0.iter().find_map(|piece| match piece {
            Piece::Name(name) if !known.contains(&name.as_str()) => Some(name.as_str()),
            Piece::Name(_) | Piece::Words(_) => None,
        })
    }

    /// The sentence with each name replaced by its value, or by nothing if it has none.
    #[must_use]
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Name(name) => text.push_str(value(name).unwrap_or_default()),
            }
        }
        text
    }

    /// Whether the sentence is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Words(words) if words.trim().is_empty()))
    }
}

/// Reads a sentence from data, with an error that names the place in the file.
///
/// # Errors
/// Those of [`Template::parse`].
pub fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
    let text: String = serde::Deserialize::deserialize(deserializer)?;
    Template::parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_what_is_not_known_is_found() {
        let template = Template::parse("{amount} due on {day}. {{so}}").unwrap();
        let value = |name: &str| (name == "amount").then_some("12.50");
        assert_eq!(template.fill(value), "12.50 due on . {so}");
        assert_eq!(template.unknown(&["amount"]), Some("day"));
        assert_eq!(template.unknown(&["amount", "day"]), None);
        assert!(Template::parse("{amount").is_err() && Template::parse("amount}").is_err());
        assert!(Template::parse(" ").unwrap().is_empty() && !template.is_empty());
    }
}
