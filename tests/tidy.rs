//! The house rules that no lint can hold: which file may import which, what a module may be called,
//! how long a file may grow, that handlers do not write, that both stores have every migration.
//! The tables come first. A new room gets its layer there. The source is read as text, as a person
//! would read it, without what is under `#[cfg(test)]`.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own source ends at once")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/pages.rs"]
mod pages;
#[path = "tidy/prose.rs"]
mod prose;
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
    /// 1½: what the process gets from outside. The store does not know these.
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
            "audit",
            "books",
            "idempotency",
            "secrets",
            "writer",
            "due",
            "behaviour",
            "on_hold",
            "partner_board",
            "sessions",
            "story",
            "worklist",
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
            "ledger/board",
            "ledger/seal",
            "ledger/export",
            "ledger/liability",
            "ledger/outstanding",
            "partner/move_clock",
            "partner/pin_tries",
            "partner/registry",
            "partner/reload",
            "partner/single_use",
            "customer/codes",
            "customer/consent_receipt",
            "customer/consents",
            "customer/contact",
            "customer/contact_data",
            "customer/erasure",
            "customer/erasure_record",
            "customer/export",
            "customer/members",
            "customer/own_referrals",
            "customer/person_data",
            "customer/points",
            "customer/redemptions",
            "customer/refusal",
            "customer/wallet_sessions",
            "customer/rejected_lines",
            "customer/requester",
            "customer/retention",
            "follow_up/chore",
            "follow_up/closing",
            "follow_up/spend",
            "reconcile/attachments",
            "reconcile/bank_breaks",
            "reconcile/bank_files",
            "reconcile/breaks",
            "reconcile/bulk",
            "reconcile/closing",
            "reconcile/crm_results",
            "reconcile/drop_folder",
            "reconcile/held_folder",
            "reconcile/expectations",
            "reconcile/findings",
            "reconcile/found",
            "reconcile/month_board",
            "reconcile/our_side",
            "reconcile/payouts",
            "reconcile/refusal",
            "reconcile/replay",
            "reconcile/report",
            "reconcile/run",
            "reconcile/separations",
            "reconcile/settled_entries",
            "reconcile/settlement_answers",
            "reconcile/sides",
            "reconcile/statement_export",
            "reconcile/statement_file",
            "reconcile/statement_original",
            "reconcile/statement_trailer",
            "reconcile/statement_uploads",
            "reconcile/statements",
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
    (
        Values,
        &[
            "money",
            "ids",
            "clock",
            "database_url",
            "jwt",
            "trace_parent",
            "template",
            "fold",
            "spreadsheet",
            "text",
        ],
    ),
];

/// Which rooms of layer 1 know which others of layer 1.
const NEIGHBOURS: &[(&str, &[&str])] = &[
    ("event", &["partner"]),
    ("ledger", &["event"]),
    ("referral", &["event", "partner", "customer"]),
    ("program", &["event", "partner", "ledger", "referral"]),
    ("follow_up", &["partner", "referral"]),
    ("reconcile", &["ledger", "partner"]),
];

/// Rooms that are planned and not yet built. A room that stands is struck from this list.
const PLANNED: &[&str] = &[];

/// What a room may not import, but for the files named last. The console and the wallet are doors:
/// what they do stands in the room that it belongs to, so no rule can be written twice.
const CLOSED: &[(&str, &str, &[&str])] = &[
    ("console", "store", &[]),
    (
        "console",
        "http",
        &[
            "http/gateway",
            "http/pages",
            "http/problem",
            // Who may do what, how staff sign in, and where a page of a list goes on.
            "http/access/code_flow",
            "http/access/staff",
            "http/server/page",
            "http/server/paths",
        ],
    ),
    ("wallet", "store", &[]),
    ("wallet", "http", &["http/gateway", "http/pages", "http/problem"]),
];

/// The circles of files that may be, each with its reason.
const CIRCLES: &[(&[&str], &str)] = &[
    (
        &[
            "cli/demo",
            "cli/demo/left_open",
            "cli/demo/month",
            "cli/demo/play",
            "cli/demo/report",
            "cli/demo/spend",
            "cli/demo/stage",
        ],
        "One play in six acts on one stage.",
    ),
    (
        &["cli/partners/conform/dpop", "cli/partners/conform/visitor", "cli/partners/conform/walk"],
        "The kit's walk uses the visitor, and a visit is noted on the walk.",
    ),
    (
        &[
            "crm",
            "crm/login",
            "crm/salesforce",
            "crm/salesforce/refusal",
            "crm/tryton/changes",
            "crm/webhook",
        ],
        "One enum of adapters, and the error that all of them share.",
    ),
    (
        &["crm/mapping", "crm/mapping/task"],
        "A mapping holds the mapping of tasks, which is refused with the same errors.",
    ),
    (
        &["crm/tryton", "crm/tryton/opportunity", "crm/tryton/party", "crm/tryton/session"],
        "One client of Tryton, with its methods by record in files of their own.",
    ),
    (
        &["event", "event/envelope", "event/fingerprint"],
        "An event is read from its envelope, and the envelope names the kinds of event.",
    ),
    (
        &[
            "program/conduct",
            "program/confirmation",
            "program/counter",
            "program/decision",
            "program/exposure",
            "program/hold",
            "program/introduction",
            "program/lot",
            "program/reward",
            "program/standing",
            "program/tier",
        ],
        "A decision holds values of the files that make it.",
    ),
    (
        &["program/counting", "program/earn"],
        "Earning counts what it gives, and what is counted is a rule of earning.",
    ),
    (
        &["reconcile/statement_file", "reconcile/statement_trailer"],
        "A statement's file ends with its trailer, which is read as the file is.",
    ),
    (
        &[
            "writer",
            "writer/draft",
            "writer/error",
            "writer/exposure",
            "writer/introduce",
            "writer/load",
            "writer/move_referral",
            "writer/referral_draft",
            "writer/release",
            "writer/watch",
            "writer/worker",
        ],
        "The writer's door names the answers of the acts behind it.",
    ),
];

/// Parameters that are tuples, and comments to be mended, that are left.
const TUPLES_LEFT: usize = 0;
const COMMENTS_LEFT: usize = 0;

/// Crates that belong to some layers and are unknown to the others.
const CRATES: &[(&str, &[Layer])] = &[
    ("diesel", &[Store]),
    ("diesel_migrations", &[Store]),
    // The store lends connections to async code.
    ("tokio", &[Rim, Store, Work, Edge, App]),
    ("reqwest", &[Rim, Work, Edge, App]),
    ("opentelemetry", &[Rim]),
    ("prometheus_client", &[Rim]),
    ("actix_web", &[Edge, App]),
    ("clap", &[Edge, App]),
];

/// What layers 0 and 1 do without.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::time::Instant",
    "crate::clock::now",
];

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

    /// A name in the tables that no file bears: it is mistyped, or its file has moved.
    fn unknown_names(&self) -> Vec<String> {
        let layers = LAYERS.iter().flat_map(|(_, names)| names.iter().copied());
        let rooms =
            NEIGHBOURS.iter().flat_map(|(room, known)| known.iter().copied().chain([*room]));
        let closed = CLOSED
            .iter()
            .flat_map(|(room, other, open)| open.iter().copied().chain([*room, *other]));
        let circles = CIRCLES.iter().flat_map(|(files, _)| files.iter().copied());
        let names = layers.chain(rooms).chain(closed).chain(circles);
        self.nowhere(names, PLANNED)
    }

    fn nowhere<'a>(&self, names: impl Iterator<Item = &'a str>, planned: &[&str]) -> Vec<String> {
        let stands = |name: &str| self.files.keys().any(|module| within(module, name));
        let mut found = Vec::new();
        for name in names.collect::<BTreeSet<_>>() {
            if !planned.contains(&room(name)) && !stands(name) {
                found.push(format!("tests/tidy.rs names {name}, and there is no src/{name}"));
            }
        }
        for name in planned.iter().filter(|name| stands(name)) {
            found.push(format!("{name} stands: strike it from PLANNED of tests/tidy.rs"));
        }
        found
    }

    fn through_closed_doors(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (module, file) in &self.files {
            for import in &file.imports {
                for target in self.homes(module, import) {
                    let closed = CLOSED.iter().any(|(from, to, open)| {
                        within(module, from)
                            && within(&target, to)
                            && !open.iter().any(|name| within(&target, name))
                    });
                    if closed {
                        found.push(format!(
                            "{}:{}: {} may not import src/{target} (CLOSED)",
                            file.path,
                            import.line,
                            room(module)
                        ));
                    }
                }
            }
        }
        found
    }

    /// Handlers read the request, call one act and write the answer.
    fn writing_handlers(&self) -> Vec<String> {
        let handlers = self.files.iter().filter(|(module, _)| within(module, "http"));
        let written = handlers.filter_map(|(_, file)| {
            let (line, what) = file.writes.first()?;
            Some(format!(
                "{}:{line}: {what}: a handler writes to the store; the act belongs to its room",
                file.path
            ))
        });
        written.collect()
    }

    fn tuples(&self) -> Vec<String> {
        let files = self.files.values();
        let tuples = files.flat_map(|file| {
            file.tuples.iter().map(|(line, name)| {
                format!("{}:{line}: {name} takes a tuple: name its parts", file.path)
            })
        });
        tuples.collect()
    }

    fn nested(&self) -> Vec<String> {
        let files = self.files.values();
        let nested = files.flat_map(|file| {
            file.nested.iter().map(|(line, name)| {
                format!("{}:{line}: {name} nests a type in itself: make it an enum", file.path)
            })
        });
        nested.collect()
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

    /// Files that no other declares by `mod`: they are never compiled.
    fn undeclared(&self) -> Vec<String> {
        let declares = |parent: &str, name: &str| {
            let items = self.files.get(parent).into_iter().flat_map(|file| &file.named_items);
            items.into_iter().any(|(_, item)| item == name)
        };
        let files = self.files.iter().filter(|(module, _)| *module != "lib" && *module != "main");
        let undeclared = files.filter(|(module, _)| match module.rsplit_once('/') {
            Some((parent, name)) => !declares(parent, name),
            None => !declares("lib", module) && !declares("main", module),
        });
        undeclared.map(|(_, file)| format!("{}: no file declares it by `mod`", file.path)).collect()
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
fn every_file_is_compiled() {
    let mut found = Tree::ours().undeclared();
    let promises = tree::texts(&["tests/promises"]);
    let main = promises.iter().find(|(path, _)| path == "tests/promises/main.rs");
    let declared: BTreeSet<&str> = main.unwrap().1.lines().collect();
    for (path, _) in &promises {
        let name = path.strip_prefix("tests/promises/").and_then(|name| name.strip_suffix(".rs"));
        let name = name.filter(|name| *name != "main" && !name.contains('/'));
        if name.is_some_and(|name| !declared.contains(format!("mod {name};").as_str())) {
            found
                .push(format!("{path}: tests/promises/main.rs does not declare it: it never runs"));
        }
    }
    tidy(&found);
}

#[test]
fn every_name_in_the_tables_exists() {
    tidy(&Tree::ours().unknown_names());
}

#[test]
fn no_file_leads_back_to_itself() {
    tidy(&Tree::ours().circles(CIRCLES));
}

#[test]
fn closed_doors_stay_closed() {
    tidy(&Tree::ours().through_closed_doors());
}

#[test]
fn handlers_do_not_write() {
    tidy(&Tree::ours().writing_handlers());
}

#[test]
fn parameters_have_names() {
    tidy_but(&Tree::ours().tuples(), TUPLES_LEFT);
}

#[test]
fn signatures_nest_no_option_or_result_in_itself() {
    tidy(&Tree::ours().nested());
}

#[test]
fn comments_are_read_once() {
    let mut found = Vec::new();
    for (path, text) in tree::texts(&["src", "tests", "benches"]) {
        found.extend(prose::dangling(&path, &text));
        found.extend(prose::repeated(&path, &text));
    }
    for (path, text) in pages::ours() {
        found.extend(prose::dangling_in_markdown(&path, &text));
    }
    tidy_but(&found, COMMENTS_LEFT);
}

#[test]
fn the_api_page_lists_every_problem_once() {
    let read = |path: &str| fs::read_to_string(top().join(path)).unwrap();
    let mut found = pages::problems(&read("docs/api.md"), &read("src/http/problem/kinds.rs"));
    for (page, text) in pages::ours() {
        found.extend(pages::doubled(&page, &text));
    }
    tidy(&found);
}

/// The table of the rooms on the page about the architecture names every room that has a layer.
#[test]
fn the_architecture_page_names_every_room() {
    let page = fs::read_to_string(top().join("docs/architecture.md")).unwrap();
    let rooms = LAYERS.iter().flat_map(|(_, names)| names.iter().map(|name| room(name)));
    let rooms: BTreeSet<&str> = rooms.filter(|room| !PLANNED.contains(room)).collect();
    // The rooms stand in the second column.
    let named: Vec<&str> = page.lines().filter_map(|line| line.split('|').nth(2)).collect();
    let is_named = |room: &str| named.iter().any(|cell| cell.contains(&format!("`{room}`")));
    let missing = rooms.into_iter().filter(|room| !is_named(room));
    let missing =
        missing.map(|room| format!("docs/architecture.md does not name the room `{room}`"));
    tidy(&missing.collect::<Vec<_>>());
}

#[test]
fn pages_name_files_that_exist() {
    let exists = |path: &str| top().join(path).exists();
    let missing =
        pages::ours().into_iter().flat_map(|(page, text)| pages::missing(&page, &text, exists));
    tidy(&missing.collect::<Vec<_>>());
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

/// As [`tidy`], where some are known and left. The number only falls.
fn tidy_but(found: &[String], left: usize) {
    let known = format!("\n  {left} are known: none may be added");
    assert!(found.len() <= left, "{} untidy:\n  {}{known}", found.len(), found.join("\n  "));
    assert!(found.len() >= left, "{} are left: lower the number in tests/tidy.rs", found.len());
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
    fn a_file_that_is_only_for_tests_may_import_what_it_likes() {
        let found = tree(&[
            ("src/program/mod.rs", "#[cfg(test)]\nmod examples;\nmod earn;"),
            ("src/program/examples.rs", "use crate::store::Db; use std::time::Instant;"),
            ("src/program/earn.rs", "use crate::store::Db; use std::time::Instant;"),
            ("src/store/mod.rs", "pub struct Db;"),
        ]);
        for found in [found.imports_upwards(), found.impure_rules()] {
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found.concat().starts_with("src/program/earn.rs:1: "), "{found:?}");
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
                "use chrono::Utc as U;\nfn f() { U::now(); std::fs::read(\"\"); I::now() }\n\
                 use std::time::Instant as I;",
            ),
            ("src/store/mod.rs", "use diesel::prelude::*; use reqwest::Url;"),
            ("src/settings.rs", "use std::env; use crate::ids;"),
            ("src/clock.rs", "use chrono::Utc; fn now() { Utc::now() }"),
        ]);
        let impure = found.impure_rules();
        assert_eq!(impure.len(), 6, "{impure:?}");
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
    #[test]
    fn a_file_that_is_never_compiled_is_found() {
        let found = tree(&[
            ("src/lib.rs", "pub mod due;"),
            ("src/due.rs", ""),
            ("src/program/mod.rs", "mod earn;"),
            ("src/program/earn.rs", ""),
            ("src/program/tier.rs", ""),
        ])
        .undeclared();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.concat().contains("src/program/tier.rs: no file"), "{found:?}");
    }

    #[test]
    fn a_name_that_no_file_bears_is_found() {
        let tree = tree(&[("src/event/mod.rs", ""), ("src/wallet/mod.rs", "")]);
        let names = ["event", "evnet", "event/gone", "console"].into_iter();
        let found = tree.nowhere(names, &["console", "wallet"]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.concat().contains("names evnet, and there is no src/evnet"), "{found:?}");
        assert!(found.concat().contains("wallet stands"), "{found:?}");
    }

    #[test]
    fn a_circle_of_files_is_found_with_two_names() {
        let round = tree(&[
            ("src/a/mod.rs", "mod b; pub use b::B; pub use b::c; mod d;"),
            ("src/a/b.rs", "use crate::a::d::D;"),
            ("src/a/d.rs", "\nuse super::e::E;"),
            ("src/a/e.rs", "fn f(b: &super::B) {}"),
            ("src/a/g.rs", "use super::e::E;"),
        ]);
        let found = round.circles(&[]);
        assert_eq!(found.len(), 1, "{found:?}");
        let text = found.concat();
        assert!(text.starts_with("src/a/b.rs:1: a circle of 3 files"), "{text}");
        assert!(text.contains("src/a/d.rs"), "{text}");
        // A listed circle may be; a file that is on none may not be listed.
        let all = ["a/b", "a/d", "a/e"];
        assert_eq!(round.circles(&[(&all, "one value")]), [""; 0]);
        let more = ["a/b", "a/d", "a/e", "a/g"];
        let found = round.circles(&[(&more, "one value")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.concat().starts_with("a/g: is on no circle"), "{found:?}");
        // Part of a circle is not the circle. The place is where the rest of it comes in.
        let found = round.circles(&[(&all[..2], "one value")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.concat().starts_with("src/a/d.rs:2: "), "{found:?}");
        assert!(found.concat().contains("imports src/a/e.rs"), "{found:?}");
    }

    #[test]
    fn the_console_and_the_wallet_come_by_their_doors() {
        let found = tree(&[
            ("src/console/mod.rs", "use crate::http::gateway::Gateway; use crate::store::Db;"),
            (
                "src/wallet/points.rs",
                "use crate::customer::points;\nuse crate::http::staff::tasks;",
            ),
            ("src/http/gateway.rs", ""),
            ("src/http/staff/tasks.rs", "use crate::store;"),
            ("src/store/mod.rs", ""),
            ("src/customer/points.rs", "use crate::store;"),
        ])
        .through_closed_doors();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.concat().contains("src/console/mod.rs:1: console may not"), "{found:?}");
        assert!(found.concat().contains("src/wallet/points.rs:2: wallet may not"), "{found:?}");
    }

    #[test]
    fn a_handler_that_writes_is_found() {
        let found = tree(&[
            ("src/http/staff/tasks.rs", "fn f(db: Db) {\n db.write(|tx| close(tx)) }"),
            ("src/http/staff/held.rs", "fn f(tx: &mut LedgerTx) {}"),
            ("src/http/staff/read.rs", "fn f(b: Books) { b.write_or(|tx| close(tx)) }"),
            ("src/http/staff/room.rs", "fn f(db: Db) { Db::write(db, |tx| close(tx)) }"),
            ("src/http/staff/acts.rs", "fn f(g: G) { g.main.writer.run(|work| close(work)) }"),
            ("src/http/staff/runs.rs", "fn f(r: R) { r.lock.write(); r.recording.run(1) }"),
            ("src/http/staff/list.rs", "// db.write(\nfn f(db: Db) { db.read() }"),
            ("src/writer/mod.rs", "fn f(db: Db) { db.write(|tx| tx) }"),
        ]);
        let seen = found.writing_handlers();
        assert_eq!(seen.len(), 5, "{seen:?}");
        assert!(seen.concat().contains("src/http/staff/tasks.rs:2: .write("), "{seen:?}");
    }

    #[test]
    fn a_tuple_as_a_parameter_is_found() {
        let tuples = [
            "fn f(x: u8, (a, b): (u8, u8)) {}",
            "fn f(span: (Moment, Moment)) {}",
            "fn f<T: Into<u8>>(x: T, span: &(u8, T)) -> u8 { g() }",
            "fn f((a, b): Pair) {}",
            "fn f<F: Fn(u8) -> u8>(f: F, more: &mut (u8, F));",
        ];
        for code in tuples {
            let found = tree(&[("src/due.rs", code)]).tuples();
            assert_eq!(found.len(), 1, "{code}: {found:?}");
        }
        let others = [
            "fn f(x: u8) -> (u8, u8) { (1, 2) }",
            "fn f(each: &[(u8, u8)], map: Vec<(u8, u8)>) { g((1, 2)) }",
            "fn f(call: impl Fn((u8, u8)) -> u8, next: fn(u8) -> u8) { |(a, b)| a }",
            "fn f<'a, T: Fn(&'a str)>(x: T) where T: Fn(u8) {}",
        ];
        for code in others {
            assert_eq!(tree(&[("src/due.rs", code)]).tuples(), [""; 0], "{code}");
        }
    }

    #[test]
    fn a_type_nested_in_itself_is_found() {
        let nested = [
            "fn f(day: Option<Option<u8>>) {}",
            "fn f() -> Result<Result<u8, E>, E> { g() }",
            "fn f(x: u8) -> io::Result<Vec<Option<Option<u8>>>>;",
        ];
        for code in nested {
            let found = tree(&[("src/due.rs", code)]).nested();
            assert_eq!(found.len(), 1, "{code}: {found:?}");
            assert!(found.concat().starts_with("src/due.rs:1: f "), "{code}: {found:?}");
        }
        let others = [
            "fn f(x: [u8; 2]) -> Result<Option<u8>, E> { let x: Option<Option<u8>> = g(); }",
            "fn f() -> Option<Result<u8, E>> { g::<Result<Result<u8, E>, E>>() }",
        ];
        for code in others {
            assert_eq!(tree(&[("src/due.rs", code)]).nested(), [""; 0], "{code}");
        }
    }

    #[test]
    fn a_sentence_that_begins_with_of_is_found() {
        let dangling =
            ["// Of whom.", "fn f() {}\n    /// So. Of\n    /// two.", "//! A thing.\n//! Of it."];
        for code in dangling {
            assert_eq!(prose::dangling("src/a.rs", code).len(), 1, "{code}");
        }
        for code in ["// The end\n// Of May", "let x = \"Of it\";", "// one. of two"] {
            assert_eq!(prose::dangling("src/a.rs", code), [""; 0], "{code}");
        }
        assert_eq!(prose::dangling_in_markdown("a.md", "- Of it.\n```\nOf it\n```\n").len(), 1);
        assert_eq!(prose::dangling_in_markdown("a.md", "| a | Of it. |\n").len(), 1);
    }

    #[test]
    fn a_docstring_that_repeats_the_signature_is_found() {
        let said =
            "/// Opens.\n///\n/// # Errors\n/// [`StoreError`], [`IoError`].\npub fn open() {}";
        let found = prose::repeated("src/a.rs", said);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.concat().starts_with("src/a.rs:3: "), "{found:?}");
        for more in ["and [`IoError`] where the disk is full", "[`IoError::Full`]"] {
            let more = said.replace("[`IoError`]", more);
            assert_eq!(prose::repeated("src/a.rs", &more), [""; 0], "{more}");
        }
    }

    #[test]
    fn a_page_that_names_no_file_is_found() {
        let there = ["src/a.rs", "src/b/c.rs", "src/b/d.rs", "docs/x.md"];
        let exists = |path: &str| there.contains(&path);
        let good = "`src/a.rs`, src/b/{c,d}.rs. src/<room>/mod.rs, see [x](x.md#top), [y](../src/a.rs), \
                    [z](https://a.test/docs/x).";
        assert_eq!(pages::missing("docs/y.md", good, exists), [""; 0]);
        for bad in ["`src/gone.rs`", "src/b/{c,e}.rs", "[x](y.md)", "one,\nsrc/a.rss"] {
            assert_eq!(pages::missing("docs/y.md", bad, exists).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_problem_that_is_not_listed_and_a_row_that_is_doubled_are_found() {
        let kinds: String =
            (0..41).map(|n| format!("    KIND \"kind-{n}\" 409 \"A title\"\n")).collect();
        let rows: String = (1..42).map(|n| format!("| 409 | `kind-{n}` | when |\n")).collect();
        let found = pages::problems(&rows, &kinds);
        assert_eq!(found.len(), 2, "{found:?}");
        let rows = rows.replace("kind-41", "kind-40").replacen("when", "now", 1);
        let found = pages::problems(&format!("{rows}| 409 | `kind-0` | then |\n"), &kinds);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.concat().contains("twice"), "{found:?}");
        let page = "| call |\n|---|\n| `GET /a` |\n| `GET /b` |\n| `GET /a` |\n\n| call |\n|---|\n";
        assert_eq!(pages::doubled("docs/api.md", page).len(), 1);
    }
}
