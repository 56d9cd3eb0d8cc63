//! The house rules that no lint can hold: who may import whom, what is named only in one place,
//! what a module may be called, how long a file may grow, that both stores have every migration.
//! The tables come first; whoever adds a room gives it a layer there. Source is read as text, as a
//! person would, without what is `#[cfg(test)]`.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own source ends at once")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{Tree, top};

use Layer::{App, Edge, Rim, Rules, Store, Values, Work};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    /// 0: std, serde, rust_decimal, chrono.
    Values,
    /// 1: values in, values out; no I/O, no clock.
    Rules,
    /// 1½: what the process gets from outside. The store does not know it.
    Rim,
    /// 2: diesel, and nowhere else.
    Store,
    /// 3: what happens over time and over wires.
    Work,
    /// 4: what people and partners touch.
    Edge,
    /// 5: what puts it together.
    App,
}

/// The layer of each file, named as a module: `ledger` is the whole room, `ledger/verify` is one
/// file of it (or a folder, once it has grown), and the longer name counts.
const LAYERS: &[(Layer, &[&str])] = &[
    // Commands start the app, so they stand where main stands.
    (App, &["main", "lib", "app", "cli"]),
    (Edge, &["http", "console", "wallet"]),
    (
        Work,
        &[
            "books",
            "secrets",
            "writer",
            "due",
            "behaviour",
            "intake",
            "outbox",
            "crm",
            "webhook",
            "notice",
            "observations",
        ],
    ),
    // The files of the pure rooms that read the store, the disk or the clock.
    (
        Work,
        &[
            "ledger/verify",
            "ledger/as_of",
            "ledger/seal",
            "ledger/export",
            "ledger/liability",
            "ledger/outstanding",
            "partner/registry",
            "partner/reload",
            "customer/codes",
            "customer/consent_receipt",
            "customer/consents",
            "customer/contact",
            "customer/erasure",
            "customer/export",
            "customer/members",
            "customer/person_data",
            "customer/points",
            "customer/refusal",
            "customer/requester",
            "customer/retention",
            "follow_up/chore",
            "follow_up/closing",
            "follow_up/spend",
            "reconcile/breaks",
            "reconcile/settlement",
            "reconcile/pain001",
        ],
    ),
    (Store, &["store"]),
    (Rim, &["settings", "telemetry", "task"]),
    (
        Rules,
        &[
            "event",
            "partner",
            "customer",
            "ledger",
            "program",
            "referral",
            "reconcile",
            "follow_up",
        ],
    ),
    (Values, &["money", "ids", "clock", "database_url", "jwt", "trace_parent", "template", "fold"]),
];

/// Which rooms of layer 1 know which others of layer 1.
const NEIGHBOURS: &[(&str, &[&str])] = &[
    ("event", &["partner"]),
    ("referral", &["event", "partner", "customer"]),
    ("program", &["event", "partner", "ledger", "referral"]),
    ("follow_up", &["partner", "referral"]),
    ("reconcile", &["ledger"]),
];

/// Crates that belong to some layers and are unknown to the others.
const CRATES: &[(&str, &[Layer])] = &[
    ("diesel", &[Store]),
    ("diesel_migrations", &[Store]),
    ("tokio", &[Rim, Work, Edge, App]),
    ("reqwest", &[Rim, Work, Edge, App]),
    ("opentelemetry", &[Rim]),
    ("prometheus_client", &[Rim]),
    ("actix_web", &[Edge, App]),
    ("clap", &[Edge, App]),
];

/// What layers 0 and 1 do without.
const IMPURE: &[&str] =
    &["std::fs", "std::env", "std::net", "std::process", "std::thread", "crate::clock::now"];

/// What only `clock.rs` asks.
const CLOCKS: &[&str] = &["chrono::Utc::now", "chrono::Local::now", "std::time::SystemTime::now"];

const BANNED_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "misc"];
const BANNED_ENDINGS: &[&str] = &["_inner", "_core", "_utils", "_helpers", "_manager"];
const REMINDERS: &[&str] = &["FIXME", "XXX", "TODO"];
const LINES_MAX: usize = 500;
const LINES_MAX_MAIN: usize = 60;

// ---- the rules ---------------------------------------------------------------------------------

fn may_import(from: Layer, to: Layer) -> bool {
    from >= to && (from, to) != (Store, Rim)
}

impl Tree {
    fn imports_upwards(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (module, file) in &self.files {
            let Some(from) = layer(module) else {
                found.push(format!(
                    "{}: stands in no layer: give it one, in LAYERS of tests/tidy.rs",
                    file.path
                ));
                continue;
            };
            let mut told = BTreeSet::new();
            for import in &file.imports {
                for target in self.homes(module, import) {
                    // A room's door lists what the room offers, from whichever layer: whoever
                    // takes it from there is judged by the file in which it lives.
                    let offered = import.public && file.is_door() && within(&target, module);
                    let Some(to) = layer(&target) else { continue };
                    if !told.insert(target.clone()) {
                        continue; // once per file is enough
                    }
                    let at = format!("{}:{}", file.path, import.line);
                    let what = import.path.join("::");
                    if !offered && !may_import(from, to) {
                        found.push(format!(
                            "{at}: imports {what}, which is {to:?} (src/{target}), into {from:?}: \
                             imports go downwards only"
                        ));
                    } else if from == Rules && to == Rules && !neighbours(module, &target) {
                        found.push(format!(
                            "{at}: imports {what}: room {} does not know room {} (NEIGHBOURS)",
                            room(module),
                            room(&target)
                        ));
                    }
                }
            }
        }
        found
    }

    fn crates_out_of_place(&self) -> Vec<String> {
        self.foreign_uses(|module, path| {
            let name = path.split("::").next()?;
            let (_, layers) = CRATES.iter().find(|(known, _)| *known == name)?;
            let here = layer(module)?;
            (!layers.contains(&here)).then(|| format!("{name} belongs to {layers:?}, not {here:?}"))
        })
    }

    fn impure_rules(&self) -> Vec<String> {
        self.foreign_uses(|module, path| {
            let pure = layer(module).is_some_and(|here| here <= Rules) && module != "clock";
            let named = IMPURE.iter().find(|banned| starts_with(path, banned))?;
            pure.then(|| format!("{named} in a file that takes values and returns values"))
        })
    }

    fn clocks(&self) -> Vec<String> {
        self.foreign_uses(|module, path| {
            let named = CLOCKS.iter().find(|banned| starts_with(path, banned))?;
            (module != "clock").then(|| format!("{named}: only clock.rs asks what time it is"))
        })
    }

    /// Every path named in the sources, whole, with what `judge` says of it.
    fn foreign_uses(&self, judge: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
        let mut found = Vec::new();
        for (module, file) in &self.files {
            for import in &file.imports {
                let path = self.whole(module, &import.path, 0).join("::");
                if let Some(complaint) = judge(module, &path) {
                    found.push(format!("{}:{}: {complaint}", file.path, import.line));
                }
            }
        }
        found
    }

    fn banned_names(&self) -> Vec<String> {
        let is_banned = |name: &str| {
            BANNED_NAMES.contains(&name) || BANNED_ENDINGS.iter().any(|end| name.ends_with(end))
        };
        let mut found = Vec::new();
        for (module, file) in &self.files {
            for name in module.split('/').filter(|name| is_banned(name)) {
                found.push(format!("{}: {name} says nothing of what lives there", file.path));
            }
            for (line, name) in file.named_items.iter().filter(|(_, name)| is_banned(name)) {
                found.push(format!("{}:{line}: {name} says nothing", file.path));
            }
        }
        found
    }

    fn too_long(&self) -> Vec<String> {
        let long = self.files.iter().filter_map(|(module, file)| {
            let max = if module == "main" { LINES_MAX_MAIN } else { LINES_MAX };
            (file.lines > max)
                .then(|| format!("{}: {} lines without tests, over {max}", file.path, file.lines))
        });
        long.collect()
    }

    fn reminders(&self) -> Vec<String> {
        self.files.values().flat_map(|file| file.reminders.clone()).collect()
    }
}

#[test]
fn imports_go_downwards() {
    tidy(&Tree::ours().imports_upwards());
}

#[test]
fn crates_stay_in_their_layers() {
    tidy(&Tree::ours().crates_out_of_place());
}

#[test]
fn the_rules_touch_no_disk_no_environment_and_no_clock() {
    tidy(&Tree::ours().impure_rules());
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    tidy(&Tree::ours().clocks());
}

#[test]
fn names_say_what_lives_there() {
    tidy(&Tree::ours().banned_names());
}

#[test]
fn files_stay_short() {
    tidy(&Tree::ours().too_long());
}

#[test]
fn nothing_is_left_for_later() {
    tidy(&Tree::ours().reminders());
}

#[test]
fn both_stores_have_every_migration_up_and_down() {
    let folders = |store: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(top().join("migrations").join(store)).unwrap();
        let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let (postgres, sqlite) = (folders("postgres"), folders("sqlite"));
    assert!(!postgres.is_empty(), "no migrations found");
    let mut found = Vec::new();
    for name in postgres.union(&sqlite) {
        for store in ["postgres", "sqlite"] {
            for file in ["up.sql", "down.sql"] {
                let path = Path::new("migrations").join(store).join(name).join(file);
                if !top().join(&path).is_file() {
                    found.push(format!("{} is missing", path.display()));
                }
            }
        }
    }
    tidy(&found);
}

#[test]
fn every_dependency_is_accounted_for() {
    let manifest = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let why = fs::read_to_string(top().join("docs/dependencies.md")).unwrap_or_default();
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    let unnamed = tables
        .flat_map(toml::Table::keys)
        .filter(|name| !why.contains(&format!("`{name}`")))
        .map(|name| format!("docs/dependencies.md does not say why we need `{name}`"));
    tidy(&unnamed.collect::<Vec<_>>());
}

fn tidy(found: &[String]) {
    assert!(found.is_empty(), "{} untidy:\n  {}", found.len(), found.join("\n  "));
}

// ---- where a file stands -----------------------------------------------------------------------

fn layer(module: &str) -> Option<Layer> {
    let entries =
        LAYERS.iter().flat_map(|(layer, names)| names.iter().map(move |name| (name, *layer)));
    let fits = entries.filter(|(name, _)| within(module, name));
    fits.max_by_key(|(name, _)| name.len()).map(|(_, layer)| layer)
}

/// Is `module` the room or file of that name, or inside it?
fn within(module: &str, name: &str) -> bool {
    module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn starts_with(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn room(module: &str) -> &str {
    module.split('/').next().unwrap_or(module)
}

fn neighbours(module: &str, target: &str) -> bool {
    let (from, to) = (room(module), room(target));
    from == to || NEIGHBOURS.iter().any(|(name, known)| *name == from && known.contains(&to))
}

// ---- does it find what it should? --------------------------------------------------------------

mod on_a_little_tree {
    use super::*;

    fn tree(sources: &[(&str, &str)]) -> Tree {
        Tree::of(sources.iter().copied())
    }

    #[test]
    fn an_import_upwards_is_found_however_it_is_written() {
        let upwards = [
            "use crate::store::Db;",
            "use crate::{ids, store};",
            "use super::super::store::open;",
            "fn f(db: &crate::store::Db) {}",
            "use crate::partner::Registry;",
            "use crate::partner; fn f(r: partner::Registry) {}",
            "use crate::ledger::verify::Report;",
            "pub(crate) use crate::writer;",
        ];
        for code in upwards {
            let found = tree(&[
                ("src/lib.rs", "pub mod program;"),
                ("src/ids.rs", ""),
                ("src/writer.rs", ""),
                ("src/program/mod.rs", "mod earn;"),
                ("src/program/earn.rs", code),
                ("src/partner/mod.rs", "pub mod registry; pub use registry::Registry;"),
                ("src/partner/registry.rs", "use std::fs; use crate::ids; use crate::writer;"),
                ("src/ledger/mod.rs", "pub mod verify;"),
                ("src/ledger/verify.rs", "use crate::store;"),
                ("src/store/mod.rs", "use crate::program;"),
            ])
            .imports_upwards();
            assert_eq!(found.len(), 1, "{code}: {found:?}");
            assert!(found.concat().starts_with("src/program/earn.rs:1: imports "), "{found:?}");
        }
    }

    #[test]
    fn a_neighbour_is_known_one_way_only() {
        let found = tree(&[
            ("src/program/mod.rs", "use crate::ledger::Posting;"),
            ("src/ledger/mod.rs", "\nuse crate::program::Decision;"),
        ])
        .imports_upwards();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.concat().starts_with("src/ledger/mod.rs:2: "), "{found:?}");
    }

    #[test]
    fn a_file_without_a_layer_is_found() {
        let found = tree(&[("src/misc.rs", "")]);
        assert!(found.imports_upwards().concat().contains("give it one"));
        assert_eq!(found.banned_names().len(), 1);
    }

    #[test]
    fn what_is_only_for_some_is_found_elsewhere() {
        let found = tree(&[
            (
                "src/event/mod.rs",
                "use std::{fmt, fs::File, env}; use chrono::Utc as U;\nuse diesel as d;",
            ),
            (
                "src/event/payment.rs",
                "use crate::clock;\nfn f() { clock::now(); d::x(); U::now() }",
            ),
            (
                "src/event/refund.rs",
                "use chrono::Utc as U;\nfn f() { U::now(); std::fs::read(\"\") }",
            ),
            ("src/store/mod.rs", "use diesel::prelude::*; use tokio::time;"),
            ("src/settings.rs", "use std::env; use crate::ids;"),
            ("src/clock.rs", "use chrono::Utc; fn now() { Utc::now() }"),
        ]);
        let impure = found.impure_rules();
        assert_eq!(impure.len(), 4, "{impure:?}");
        let crates = found.crates_out_of_place();
        assert_eq!(crates.len(), 2, "{crates:?}");
        let clocks = found.clocks();
        assert_eq!(clocks.len(), 1, "{clocks:?}");
        assert!(clocks.concat().starts_with("src/event/refund.rs:2: "), "{clocks:?}");
    }

    #[test]
    fn a_long_file_and_a_word_left_for_later_are_found() {
        let long = "fn f() {}\n".repeat(501);
        let found =
            tree(&[("src/due.rs", &long), ("src/app.rs", "// TODO: stop\nfn run_inner() {}")]);
        assert_eq!(found.too_long().len(), 1);
        assert_eq!(found.reminders(), ["src/app.rs:1: TODO"]);
        assert_eq!(found.banned_names().len(), 1);
    }
}
