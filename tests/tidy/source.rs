//! One source file, read as text: what it imports and declares, without what is `#[cfg(test)]`.

use std::collections::{BTreeSet, HashMap};

use crate::REMINDERS;

pub struct File {
    pub path: String,
    pub imports: Vec<Import>,
    /// What each name brought in by a `use` stands for.
    pub aliases: HashMap<String, Vec<String>>,
    /// Modules and functions declared here, with their lines.
    pub named_items: Vec<(usize, String)>,
    pub reminders: Vec<String>,
    /// Functions that take a tuple, with the lines of those parameters.
    pub tuples: Vec<(usize, String)>,
    /// Functions whose signature nests an `Option` or a `Result` in itself.
    pub nested: Vec<(usize, String)>,
    /// What names a write to the store: a call of `.write(…)`, `.write_or(…)` or the writer's `run`,
    /// or the type of such a transaction.
    pub writes: Vec<(usize, String)>,
    /// Without what is under `#[cfg(test)]`.
    pub lines: usize,
    /// Modules of other files that are declared under `#[cfg(test)]`.
    pub test_modules: Vec<String>,
}

/// A path somewhere in the code: of a `use`, or inline.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub line: usize,
    pub path: Vec<String>,
    /// What a `use` calls it here.
    pub name: Option<String>,
    pub public: bool,
}

struct Token {
    line: usize,
    text: String,
}

impl File {
    pub fn read(path: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let test_modules = test_modules(&tokens);
        let (tokens, test_lines) = without_tests(tokens);
        let words = |line: &str| -> BTreeSet<String> {
            line.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
        };
        let reminders = text.lines().enumerate().flat_map(|(n, line)| {
            let words = words(line);
            let left = REMINDERS.iter().filter(move |word| words.contains(**word));
            left.map(move |word| format!("{path}:{}: {word}", n.saturating_add(1)))
        });
        let named = tokens.windows(2).filter_map(|pair| match pair {
            [keyword, name] if ["mod", "fn"].contains(&keyword.text.as_str()) => {
                Some((name.line, name.text.clone()))
            }
            _ => None,
        });
        let imports = imports(&tokens);
        let aliases = imports.iter().filter_map(|import| {
            let name = import.name.clone().filter(|name| name != "*")?;
            Some((name, import.path.clone()))
        });
        Self {
            path: path.to_owned(),
            aliases: aliases.collect(),
            imports,
            named_items: named.collect(),
            reminders: reminders.collect(),
            tuples: tuples(&tokens),
            nested: nested(&tokens),
            writes: writes(&tokens),
            lines: text.lines().count().saturating_sub(test_lines),
            test_modules,
        }
    }

    pub fn is_door(&self) -> bool {
        self.path.ends_with("/mod.rs") || self.path.ends_with("/lib.rs")
    }
}

/// Each parameter of an `fn` that is taken apart as a tuple, or whose type is one.
fn tuples(tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        if keyword.text != "fn" || !is_name(&name.text) {
            continue;
        }
        let rest = tokens.iter().skip(at.saturating_add(2));
        let (mut depth, mut angles, mut before) = (0_usize, 0_usize, "");
        for token in rest {
            let sign = token.text.as_str();
            let begins = depth == 1 && ["(", ",", ":", "&", "mut"].contains(&before);
            if sign == "(" && begins && angles == 0 {
                found.push((token.line, name.text.clone()));
            }
            match sign {
                "<" => angles = angles.saturating_add(1),
                ">" if before != "-" => angles = angles.saturating_sub(1),
                _ => depth = deeper(depth, sign),
            }
            if depth == 0 && angles == 0 && [")", "{", ";"].contains(&sign) {
                break;
            }
            before = sign;
        }
    }
    found.dedup(); // taken apart, and its type: one parameter
    found
}

/// Each `fn` of which a parameter or the result is `Option<Option<…>>` or `Result<Result<…>>`.
fn nested(tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        if keyword.text != "fn" || !is_name(&name.text) {
            continue;
        }
        let mut depth = 0_usize;
        for three in tokens.windows(3).skip(at.saturating_add(2)) {
            let [outer, angle, inner] = three else { continue };
            if depth == 0 && ["{", ";"].contains(&outer.text.as_str()) {
                break;
            }
            depth = deeper(depth, &outer.text);
            let is_same = outer.text == inner.text && angle.text == "<";
            if is_same && ["Option", "Result"].contains(&outer.text.as_str()) {
                found.push((outer.line, name.text.clone()));
            }
        }
    }
    found
}

fn writes(tokens: &[Token]) -> Vec<(usize, String)> {
    let calls = tokens.windows(5).filter_map(|five| {
        let [before, sign, name, open, first] = five else { return None };
        let said = format!("{}{}{}", sign.text, name.text, open.text);
        let is_write = match said.as_str() {
            // A lock is written to as well, but its `write()` takes nothing.
            ".write(" | ".write_or(" => first.text != ")",
            "::write(" | "::write_or(" => ["Db", "Books"].contains(&before.text.as_str()),
            ".run(" => before.text == "writer",
            _ => false,
        };
        is_write.then_some((name.line, said))
    });
    let types = tokens.iter().filter(|token| token.text == "LedgerTx");
    calls.chain(types.map(|token| (token.line, token.text.clone()))).collect()
}

/// Words and signs, without comments and without what is in quotes.
fn tokens(text: &str) -> Vec<Token> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1_usize);
    while let Some(c) = rest.chars().next() {
        let word = rest.split(|c| !is_word(c)).next().unwrap_or("");
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if c == '"' {
            quoted(rest, '"')
        } else if c == '\'' {
            character_or_lifetime(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else {
            let sign = if rest.starts_with("::") { 2 } else { c.len_utf8() };
            let length = if word.is_empty() { sign } else { word.len() };
            if !c.is_whitespace() {
                let text = rest.split_at(length).0.to_owned();
                tokens.push(Token { line, text });
            }
            length
        };
        let (read, further) = rest.split_at(length);
        line = line.saturating_add(read.matches('\n').count());
        rest = further;
    }
    tokens
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some((_, tail)) = rest.split_at_checked(at).filter(|(_, tail)| !tail.is_empty()) {
        let step = if tail.starts_with("/*") {
            depth = depth.saturating_add(1);
            2
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        at = at.saturating_add(step);
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at.saturating_add(1),
            _ => {}
        }
    }
    rest.len()
}

/// `'x'` and `'\n'` are characters; `'a` in `&'a str` is not.
fn character_or_lifetime(rest: &str) -> usize {
    let mut after = rest.chars().skip(1);
    match (after.next(), after.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted(rest, '\''),
        _ => 1,
    }
}

/// `r"…"`, `r#"…"#` and their `b` and `c` kin, which know no escapes.
fn raw_string(rest: &str) -> Option<usize> {
    let start = ["r", "br", "cr"].iter().find_map(|prefix| {
        let tail = rest.strip_prefix(prefix)?;
        tail.trim_start_matches('#').starts_with('"').then_some((prefix, tail))
    });
    let (prefix, tail) = start?;
    let body = tail.trim_start_matches('#');
    let hashes = "#".repeat(tail.len().saturating_sub(body.len()));
    let close = format!("\"{hashes}");
    let (_, inner) = body.split_at_checked(1)?;
    let end = inner.find(&close)?;
    Some([prefix.len(), hashes.len(), 1, end, close.len()].iter().sum())
}

fn test_modules(tokens: &[Token]) -> Vec<String> {
    let before = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let declared = tokens.windows(10).filter_map(|ten| {
        let (start, end) = ten.split_at_checked(before.len())?;
        let [name, sign] = end else { return None };
        let is_one = start.iter().map(|token| token.text.as_str()).eq(before) && sign.text == ";";
        is_one.then(|| name.text.clone())
    });
    declared.collect()
}

/// Drops each item under `#[cfg(test)]`; says how many lines those took.
fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, usize) {
    let (mut kept, mut lines) = (Vec::new(), 0_usize);
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        if token.text != "#" || rest.peek().is_none_or(|next| next.text != "[") {
            kept.push(token);
            continue;
        }
        let first = token.line;
        let mut attribute = vec![token];
        let mut depth = 0_usize;
        for token in rest.by_ref() {
            depth = deeper(depth, &token.text);
            attribute.push(token);
            if depth == 0 {
                break;
            }
        }
        let says = |word| attribute.iter().any(|token| token.text == word);
        let is_for_tests = says("cfg") && says("test") && !says("not") && !says("any");
        if !is_for_tests {
            kept.extend(attribute);
            continue;
        }
        let mut last = first;
        for token in rest.by_ref() {
            depth = deeper(depth, &token.text);
            last = token.line;
            if depth == 0 && [";", "}"].contains(&token.text.as_str()) {
                break;
            }
        }
        lines = lines.saturating_add(last.abs_diff(first)).saturating_add(1);
    }
    (kept, lines)
}

fn deeper(depth: usize, sign: &str) -> usize {
    match sign {
        "(" | "[" | "{" => depth.saturating_add(1),
        ")" | "]" | "}" => depth.saturating_sub(1),
        _ => depth,
    }
}

/// Every `use`, each brace spelt out, and every path with a `::` elsewhere.
fn imports(tokens: &[Token]) -> Vec<Import> {
    let mut found = Vec::new();
    let mut before = "";
    let mut rest = tokens;
    while let Some((token, further)) = rest.split_first() {
        let next = further.first().map_or("", |next| next.text.as_str());
        if token.text == "use" && next != "<" {
            let public = before == "pub" || before == ")";
            rest = use_tree(further, &[], public, &mut found);
        } else if next == "::" && is_name(&token.text) {
            let mut path = vec![token.text.clone()];
            rest = further;
            while let [colons, name, tail @ ..] = rest
                && colons.text == "::"
                && is_name(&name.text)
            {
                path.push(name.text.clone());
                rest = tail;
            }
            found.push(Import { line: token.line, path, name: None, public: false });
        } else {
            rest = further;
        }
        before = &token.text;
    }
    found
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads one branch of a `use`, and returns what comes after it.
fn use_tree<'a>(
    tokens: &'a [Token],
    prefix: &[String],
    public: bool,
    found: &mut Vec<Import>,
) -> &'a [Token] {
    let mut path = prefix.to_vec();
    let mut rest = tokens;
    while let Some((token, further)) = rest.split_first() {
        rest = further;
        match token.text.as_str() {
            "::" => {}
            "{" => {
                while let Some((next, further)) = rest.split_first() {
                    match next.text.as_str() {
                        "}" => return further,
                        "," => rest = further,
                        _ => rest = use_tree(rest, &path, public, found),
                    }
                }
            }
            name => {
                // `{self, …}` is the module that the brace belongs to.
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                let mut called = path.last().cloned();
                match rest {
                    [next, ..] if next.text == "::" => continue,
                    [next, alias, tail @ ..] if next.text == "as" => {
                        called = Some(alias.text.clone());
                        rest = tail;
                    }
                    _ => {}
                }
                found.push(Import { line: token.line, path, name: called, public });
                return rest;
            }
        }
    }
    rest
}

mod reading {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        imports(&without_tests(tokens(text)).0)
            .iter()
            .map(|import| import.path.join("::"))
            .collect()
    }

    #[test]
    fn nested_braces_are_spelt_out() {
        let text =
            "use crate::{\n    ids::{EventId, self as i},\n    money::*,\n};\nuse a::b as c;";
        let found = ["crate::ids::EventId", "crate::ids", "crate::money::*", "a::b"];
        assert_eq!(paths(text), found);
        let lines: Vec<_> = imports(&tokens(text)).iter().map(|import| import.line).collect();
        assert_eq!(lines, [2, 2, 3, 5]);
    }

    #[test]
    fn inline_paths_are_seen_and_words_in_comments_and_quotes_are_not() {
        let text = r####"
            //! [`crate::store`]
            /* crate::a::b /* nested */ crate::c */
            fn f<'a>(x: &'a str, c: char) -> crate::ids::EventId {
                let _ = ('"', '\'', "crate::q \" crate::r", r#"crate::s " "#, b"crate::t");
                <crate::money::Amount as Default>::default(); $crate::store::open::<T>(x)
            }"####;
        assert_eq!(
            paths(text),
            ["crate::ids::EventId", "crate::money::Amount", "crate::store::open"]
        );
    }

    #[test]
    fn tests_inside_a_file_may_import_what_they_like() {
        let text = "use a::b;\n#[cfg(test)]\nmod tests {\n    use crate::store;\n}\nuse c::d;\n\
                    #[cfg(test)]\nuse e::f;\n#[cfg(not(test))]\nuse g::h;\n\
                    #[cfg(any(test, unix))]\nuse i::j;\n";
        assert_eq!(paths(text), ["a::b", "c::d", "g::h", "i::j"]);
        assert_eq!(File::read("src/x.rs", text).lines, 6);
    }
}
