//! Circles of files: a file that imports another which leads back to it cannot be read, moved or
//! tested without the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::tree::Tree;
use crate::within;

/// Each file with the files that it imports, and the line of the first import of each.
type Arrows = BTreeMap<String, BTreeMap<String, usize>>;

impl Tree {
    /// Circles that `allowed` does not list, and what `allowed` lists although the files are on no
    /// circle (any more).
    pub fn circles(&self, allowed: &[(&[&str], &str)]) -> Vec<String> {
        let arrows = self.arrows();
        let circles = circles(&arrows);
        let mut found = Vec::new();
        for circle in &circles {
            let listed = allowed
                .iter()
                .find(|(files, _)| circle.iter().all(|module| files.contains(&module.as_str())));
            if listed.is_none() {
                let known = allowed.iter().flat_map(|(files, _)| files.iter().copied());
                found.push(self.describe(&arrows, circle, &known.collect()));
            }
        }
        for (files, _) in allowed {
            for file in *files {
                if !circles.iter().any(|circle| circle.contains(*file)) {
                    found.push(format!(
                        "{file}: is on no circle of files: strike it from CIRCLES of tests/tidy.rs"
                    ));
                }
            }
        }
        found
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (module, file) in &self.files {
            let to = arrows.entry(module.clone()).or_default();
            for import in &file.imports {
                for target in self.homes(module, import) {
                    // A door that hands on what stands in its room does not depend on it.
                    let offered = import.public && file.is_door() && within(&target, module);
                    if target != *module && !offered {
                        to.entry(target).or_insert(import.line);
                    }
                }
            }
        }
        arrows
    }

    /// The names of two files on the circle, and the way from the second back to the first. When a
    /// circle that may be has grown, these are files by which it has grown.
    fn describe(
        &self,
        arrows: &Arrows,
        circle: &BTreeSet<String>,
        known: &BTreeSet<&str>,
    ) -> String {
        let is_new = |from: &str, to: &str| !known.contains(from) || !known.contains(to);
        let ways = circle.iter().filter_map(|from| {
            let next = arrows.get(from)?.iter();
            let next = next.filter(|(to, _)| circle.contains(*to) && is_new(from, to));
            next.filter_map(|(to, line)| Some((from, *line, way(arrows, to, from)?)))
                .min_by_key(|(_, _, way)| way.len())
        });
        let path = |module: &str| {
            self.files.get(module).map_or_else(|| module.to_owned(), |file| file.path.clone())
        };
        let shortest = ways.min_by_key(|(_, _, way)| way.len());
        shortest.map_or_else(String::new, |(from, line, way)| {
            let way: Vec<_> = way.iter().map(|module| path(module)).collect();
            format!(
                "{}:{line}: a circle of {} files: imports {}, which leads back to it; all of them: {}",
                path(from),
                circle.len(),
                way.join(", which imports "),
                circle.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
            )
        })
    }
}

/// Groups of files of which each leads to every other.
fn circles(arrows: &Arrows) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|from| (from.as_str(), reachable(arrows, from))).collect();
    let leads = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for from in arrows.keys() {
        let known = circles.iter().any(|circle| circle.contains(from));
        if !known && leads(from, from) {
            let others = arrows.keys().filter(|to| leads(from, to) && leads(to, from));
            circles.push(others.cloned().collect());
        }
    }
    circles
}

fn reachable<'a>(arrows: &'a Arrows, from: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(module) = waiting.pop() {
        for to in arrows.get(module).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(to.as_str()) {
                waiting.push(to);
            }
        }
    }
    seen
}

/// The shortest way from one file to another, both included.
fn way<'a>(arrows: &'a Arrows, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut came: BTreeMap<&str, Option<&str>> = BTreeMap::from([(from, None)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(module) = waiting.pop_front() {
        if module == to {
            let mut way = vec![module];
            while let Some(before) = way.last().and_then(|last| came.get(last).copied().flatten()) {
                way.push(before);
            }
            way.reverse();
            return Some(way);
        }
        for next in arrows.get(module).into_iter().flat_map(BTreeMap::keys) {
            if !came.contains_key(next.as_str()) {
                came.insert(next, Some(module));
                waiting.push_back(next);
            }
        }
    }
    None
}
