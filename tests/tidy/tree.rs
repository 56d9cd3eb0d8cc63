//! All of `src/` by module, and where an imported thing really lives.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::source::{File, Import};

/// The files by module: `ledger` is `src/ledger/mod.rs`, `lib` is the root.
pub struct Tree {
    pub files: BTreeMap<String, File>,
}

impl Tree {
    /// The tree of this repository, read once.
    pub fn ours() -> &'static Self {
        static OURS: OnceLock<Tree> = OnceLock::new();
        OURS.get_or_init(|| {
            let sources = texts(&["src"]);
            assert!(sources.len() > 2, "the sources were not found");
            Self::of(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())))
        })
    }

    pub fn of<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let ours = sources.into_iter().filter(|(path, _)| !path.ends_with("/tests.rs"));
        let files = ours.map(|(path, text)| (module_of(path), File::read(path, text)));
        let mut files: BTreeMap<String, File> = files.collect();
        let for_tests: Vec<String> = files
            .iter()
            .flat_map(|(module, file)| {
                file.test_modules.iter().map(move |name| format!("{module}/{name}"))
            })
            .collect();
        files.retain(|module, _| !for_tests.contains(module));
        Self { files }
    }

    /// A path as it would be written from outside: `crate::…`, or beginning with a foreign crate.
    pub fn whole(&self, module: &str, path: &[String], depth: usize) -> Vec<String> {
        let rooted = |names: &[&str], rest: &[String]| -> Vec<String> {
            let names = names.iter().map(|name| (*name).to_owned());
            std::iter::once("crate".to_owned()).chain(names).chain(rest.to_vec()).collect()
        };
        let mut here: Vec<&str> = module.split('/').filter(|name| *name != "lib").collect();
        let Some((first, mut rest)) = path.split_first() else {
            return Vec::new();
        };
        match first.as_str() {
            "crate" | "tallystick" => rooted(&[], rest),
            "self" => rooted(&here, rest),
            "super" => {
                here.pop();
                while let Some((again, further)) = rest.split_first()
                    && again == "super"
                {
                    here.pop();
                    rest = further;
                }
                rooted(&here, rest)
            }
            name => {
                let child = here.iter().copied().chain([name]).collect::<Vec<_>>().join("/");
                let alias = self.files.get(module).and_then(|file| file.aliases.get(name));
                match alias {
                    // Follow what a `use` of this file says, but `use csv;` says nothing new.
                    Some(longer) if depth < 4 && longer.first() != Some(first) => {
                        let longer: Vec<_> = longer.iter().chain(rest).cloned().collect();
                        self.whole(module, &longer, depth.saturating_add(1))
                    }
                    _ if self.files.contains_key(&child) => rooted(&here, path),
                    _ => path.to_vec(),
                }
            }
        }
    }

    /// The modules of ours in which the imported thing lives: none when it is foreign.
    pub fn homes(&self, module: &str, import: &Import) -> Vec<String> {
        let path = self.whole(module, &import.path, 0);
        match path.split_first() {
            Some((first, rest)) if first == "crate" => self.home(rest, 0),
            _ => Vec::new(),
        }
    }

    fn home(&self, path: &[String], depth: usize) -> Vec<String> {
        let lengths = (1..=path.len()).rev();
        let mut prefixes = lengths.filter_map(|n| path.split_at_checked(n));
        let found = prefixes.find(|(names, _)| self.files.contains_key(&names.join("/")));
        let (module, rest) =
            found.map_or(("lib".to_owned(), path), |(names, rest)| (names.join("/"), rest));
        let (Some(file), Some(name)) = (self.files.get(&module), rest.first()) else {
            return vec![module];
        };
        let mut homes = Vec::new();
        let named =
            |offer: &&Import| offer.public && (name == "*" || offer.name.as_ref() == Some(name));
        let offers = file.imports.iter().filter(|_| depth < 4).filter(named);
        for offer in offers {
            if let Some((first, inner)) = self.whole(&module, &offer.path, 0).split_first()
                && first == "crate"
            {
                homes.extend(self.home(inner, depth.saturating_add(1)));
            }
        }
        if homes.is_empty() { vec![module] } else { homes }
    }
}

/// Every Rust file under these folders, with its text, tests included.
pub fn texts(folders: &[&str]) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for folder in folders {
        read_folder(&top().join(folder), &mut sources);
    }
    sources
}

fn read_folder(folder: &Path, sources: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned();
            sources.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// `src/ledger/mod.rs` and `src/ledger.rs` are both `ledger`.
fn module_of(path: &str) -> String {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.strip_suffix("/mod").unwrap_or(path).to_owned()
}

pub fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
