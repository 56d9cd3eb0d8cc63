//! The pages of documentation: every file that they name is there.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::top;

/// Folders whose files the pages name.
const FOLDERS: &[&str] = &["src/", "tests/", "docs/", "benches/", "migrations/", "partners/"];

/// The pages at the top, in `docs/` and beside migrations and partners, with their text.
pub fn ours() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "migrations", "partners"] {
        for entry in fs::read_dir(top().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let name = path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned();
                pages.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(pages.len() > 2, "the pages were not found");
    pages
}

/// Files that the page names, in its text or as the target of a link, and that `exists` denies.
pub fn missing(page: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let named = named(line).into_iter().chain(linked(page, line));
        for path in named.filter(|path| !exists(path)) {
            let at = number.saturating_add(1);
            found.push(format!("{page}:{at}: names {path}, which does not exist"));
        }
    }
    found
}

/// `src/a/{b,c}.rs` names two files; what goes on with `<` or `*` is a pattern and names none.
fn named(line: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./{},".contains(c);
    let mut found = Vec::new();
    for folder in FOLDERS {
        for (start, _) in line.match_indices(folder) {
            let (before, rest) = line.split_at(start);
            if before.ends_with(|c: char| is_part(c) && c != '{') {
                continue;
            }
            let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (path, after) = rest.split_at(end);
            if after.starts_with(['<', '*', '…', '$']) {
                continue;
            }
            let path = match path.contains('{') {
                true => path,
                false => path.split([',', '}']).next().unwrap_or(""),
            };
            found.extend(spelt_out(path.trim_end_matches(['.', ',', '/'])));
        }
    }
    found
}

fn spelt_out(path: &str) -> Vec<String> {
    let braces = path.split_once('{').and_then(|(before, rest)| {
        let (inner, after) = rest.split_once('}')?;
        Some((before, inner, after))
    });
    braces.map_or_else(
        || vec![path.to_owned()],
        |(before, inner, after)| {
            inner.split(',').map(|one| format!("{before}{}{after}", one.trim())).collect()
        },
    )
}

/// Targets of links to files of ours, from the top.
fn linked(page: &str, line: &str) -> Vec<String> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for rest in line.split("](").skip(1) {
        let target = rest.split(')').next().unwrap_or("");
        let target = target.split('#').next().unwrap_or("");
        if target.is_empty() || target.contains("://") || target.starts_with('/') {
            continue;
        }
        let mut path: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
        for name in target.split('/') {
            match name {
                ".." => drop(path.pop()),
                "." | "" => {}
                name => path.push(name),
            }
        }
        found.push(path.join("/"));
    }
    found
}

/// Problem types of the table in the source that the page does not list with their status, those
/// that it lists twice, and those that it lists though there are none.
pub fn problems(page: &str, source: &str) -> Vec<String> {
    let mut known = Vec::new();
    for line in source.lines() {
        let mut parts = line.trim().split('"');
        let (Some(name), Some(slug), Some(status)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let is_constant = name.trim().chars().all(|c| c.is_ascii_uppercase() || c == '_');
        if is_constant && !name.trim().is_empty() && status.trim().parse::<u16>().is_ok() {
            known.push(format!("| {} | `{slug}` |", status.trim()));
        }
    }
    assert!(known.len() > 40, "the table of problems was not found");
    let listed: Vec<&str> = page.lines().filter(|line| is_problem(line)).collect();
    let missing = known.iter().filter(|row| !listed.iter().any(|line| line.starts_with(*row)));
    let missing = missing.map(|row| format!("docs/api.md lacks the problem {row}"));
    let unknown = listed.iter().filter(|line| !known.iter().any(|row| line.starts_with(row)));
    let times = |row: &String| listed.iter().filter(|line| line.starts_with(row)).count();
    let twice = known.iter().filter(|row| times(row) > 1);
    missing
        .chain(twice.map(|row| format!("docs/api.md lists the problem twice: {row}")))
        .chain(unknown.map(|line| format!("docs/api.md lists no problem of ours: {line}")))
        .collect()
}

fn is_problem(line: &str) -> bool {
    let status = line.strip_prefix("| ").and_then(|rest| rest.split(" | `").next());
    status.is_some_and(|status| status.len() == 3 && status.parse::<u16>().is_ok())
}

/// Rows of a table that stand on a page twice.
pub fn doubled(page: &str, text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let lines: Vec<&str> = text.lines().collect();
    // What stands above a rule is a heading, and may be that of several tables.
    let rows = lines.windows(2).filter_map(|two| match two {
        [row, next] if row.starts_with("| ") && !next.starts_with("|--") => Some(*row),
        _ => None,
    });
    let twice = rows.filter(|row| !seen.insert(*row));
    twice.map(|row| format!("{page}: the row stands there twice: {row}")).collect()
}
