//! `tallystick keys`: the keys of personal data, their rotation, and its progress.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::Failure;
use crate::partner::registry::Partners;
use crate::secrets::key_rotation;
use crate::secrets::key_set::{KeyKind, KeyStanding};
use crate::secrets::key_source::KeySource;
use crate::secrets::sealed::SealedKind;
use crate::settings::Settings;
use crate::store::{self, Db, StoreError, personal};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Which keys of personal data there are, and how much each has sealed.
    Status,
    /// Make a new key. What older ones sealed is sealed anew by the gateways in the background.
    Rotate(RotateArgs),
    /// Take away an older key that has nothing left.
    Retire(RetireArgs),
}

#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// The key by which phone numbers are found, instead of the one that seals.
    #[arg(long)]
    index: bool,
    /// Seconds until it is used: every gateway must have read it by then (setting `keys_seconds`).
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u32,
}

#[derive(Debug, clap::Args)]
pub struct RetireArgs {
    /// Its id, as `keys status` shows it.
    id: String,
}

/// How many records each key has, by what they are.
type Counts = BTreeMap<String, BTreeMap<&'static str, i64>>;

/// # Errors
/// When the keys or the database cannot be read.
pub fn run(command: &Command, settings: &Settings) -> Result<bool, Failure> {
    let source = KeySource::from(settings);
    match command {
        Command::Status => print_status(&source, settings, &mut all_books(settings)?),
        Command::Rotate(args) => {
            let kind = if args.index { KeyKind::Index } else { KeyKind::Personal };
            let wait = TimeDelta::seconds(i64::from(args.wait));
            let changed = key_rotation::rotate(&source, kind, wait)?;
            tell(&source, &changed, &format!("it is used in {} s", args.wait));
            Ok(true)
        }
        Command::Retire(args) => {
            let id = &args.id;
            let mut books = all_books(settings)?;
            let mut left = Left::default();
            for kind in [KeyKind::Personal, KeyKind::Index] {
                let counts = counts(&mut books, settings, kind)?.remove(id).unwrap_or_default();
                left.records = left.records.saturating_add(counts.values().sum());
                left.list.extend(counts);
            }
            if left.records > 0 {
                let what = list(&left.list);
                let count = left.records;
                return Err(
                    format!("{id} still has {count} records ({what}): see `keys status`").into()
                );
            }
            let changed = key_rotation::retire(&source, id)?;
            tell(&source, &changed, "it is gone");
            Ok(true)
        }
    }
}

/// What a key still has.
#[derive(Default)]
struct Left {
    records: i64,
    list: BTreeMap<&'static str, i64>,
}

/// Where the keys are not in a file, the new set goes to standard output, and all else elsewhere.
pub fn tell(source: &KeySource, changed: &key_rotation::Changed, what: &str) {
    match &changed.json {
        None => println!("{}: {what}; back up {source}", changed.id),
        Some(json) => {
            eprintln!("{}: {what} once this key set is where {source} finds it", changed.id);
            println!("{json}");
        }
    }
}

/// The databases whose personal data these keys seal.
fn all_books(settings: &Settings) -> Result<Vec<Db>, StoreError> {
    let sandbox = settings.sandbox.as_ref().map(|sandbox| &sandbox.database_url);
    std::iter::once(&settings.database_url).chain(sandbox).map(store::open).collect()
}

fn print_status(
    source: &KeySource,
    settings: &Settings,
    books: &mut [Db],
) -> Result<bool, Failure> {
    for (kind, says) in [(KeyKind::Personal, "keys that seal"), (KeyKind::Index, "keys that find")]
    {
        println!("{says}");
        let mut counts = counts(books, settings, kind)?;
        let mut older = 0_i64;
        for (id, standing) in key_rotation::standings(source, kind)? {
            let of_key = counts.remove(&id).unwrap_or_default();
            if standing == KeyStanding::Older {
                older = older.saturating_add(of_key.values().sum());
            }
            println!("  {id:<14} {:<28} {}", word(standing), list(&of_key));
        }
        for (id, of_key) in &counts {
            println!("  {id:<14} {:<28} {}", "MISSING", list(of_key));
        }
        match older {
            0 => println!("  nothing is left to do: older keys can be retired"),
            left => println!("  {left} records are still to be done{}", by_whom(kind)),
        }
    }
    Ok(true)
}

/// Who moves what an older key has to the current one.
const fn by_whom(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Personal => " by the gateways",
        KeyKind::Index => " by the gateways; make lists of staff again with `partners staff-index`",
    }
}

fn word(standing: KeyStanding) -> String {
    match standing {
        KeyStanding::Older => "older".to_owned(),
        KeyStanding::Current => "current".to_owned(),
        KeyStanding::Next(from) => format!("from {from}"),
    }
}

fn list(counts: &BTreeMap<&'static str, i64>) -> String {
    let each: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    if each.is_empty() { "nothing".to_owned() } else { each.join(", ") }
}

/// What each key has, in all books and in the partners' manifests.
fn counts(books: &mut [Db], settings: &Settings, kind: KeyKind) -> Result<Counts, Failure> {
    let mut counts = Counts::new();
    let mut add = |what: &'static str, rows: Vec<(String, i64)>| {
        for (id, count) in rows {
            let sum = counts.entry(id).or_default().entry(what).or_default();
            *sum = count.saturating_add(*sum);
        }
    };
    for db in books {
        match kind {
            KeyKind::Index => {
                let [_sealed, indexed] = personal::count_by_key(db)?;
                add("phone numbers", indexed);
            }
            KeyKind::Personal => {
                for kind in SealedKind::ALL {
                    add(kind.name(), kind.count_by_key(db)?);
                }
            }
        }
    }
    if kind == KeyKind::Index {
        let partners = Partners::read(&settings.partners)?;
        let lists = partners.iter().filter_map(|partner| partner.staff.index_id());
        add("lists of partners' staff", lists.map(|id| (id.to_owned(), 1)).collect());
    }
    Ok(counts)
}
