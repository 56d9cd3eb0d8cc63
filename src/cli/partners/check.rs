//! `tallystick partners check`: reads every manifest as the gateway does, and runs every example as
//! the writer does: events in, postings out.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::Failure;
use crate::clock::{self, Moment};
use crate::customer::PersonalKeys;
use crate::customer::personal::{NamedKey, Ring};
use crate::event::{self, Event, EventData, FingerprintKey};
use crate::ids::{CustomerId, EventKey, MemberKey};
use crate::partner::key::in_force;
use crate::partner::registry::{load_one, load_programme, manifests};
use crate::partner::{Partner, Status, exposure};
use crate::program::{self, CustomerStanding, Decision, Occasion, Standings};
use crate::referral::Person;
use crate::settings::Settings;

/// A key that ends within this time is noted.
const NOTICE_DAYS: u64 = 30;

/// An example: the events of a partner, and what each must lead to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    about: String,
    events: Vec<Value>,
    /// One for each event.
    expect: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Expected {
    /// Words of the refusal.
    Refused { refused: String },
    Taken {
        #[serde(default)]
        marks: Vec<String>,
        /// `account amount asset`, in order.
        postings: Vec<String>,
        referral: Option<String>,
    },
}

/// Checks all partners of a folder; `Ok(false)` when something is not in order.
///
/// # Errors
/// When the folder cannot be read.
pub fn run(folder: &Path, settings: &Settings) -> Result<bool, Failure> {
    let programme = load_programme(folder)?;
    let paths = manifests(folder)?;
    if paths.is_empty() {
        return Err(format!("{} holds no <id>/partner.toml", folder.display()).into());
    }
    let mut in_order = true;
    for path in paths {
        match load_one(&path, &programme) {
            Ok((partner, _text)) => in_order &= check_partner(&partner, &path, settings)?,
            Err(error) => {
                in_order = false;
                println!("WRONG  {error}");
            }
        }
    }
    println!("{}", if in_order { "all in order" } else { "not in order" });
    Ok(in_order)
}

fn check_partner(partner: &Partner, manifest: &Path, settings: &Settings) -> Result<bool, Failure> {
    let keys = partner.access.keys.len();
    println!("ok     {} ({}, {keys} keys): {}", partner.id, partner.kind.name(), partner.name);
    for note in notes(partner, clock::now().day_in(settings.time_zone)) {
        println!("note     {note}");
    }
    let mut in_order = true;
    let goes_live = partner.status.is_real() || partner.status == Status::Conformant;
    if goes_live && let Some(what) = exposure::lacks(&partner.exposure, partner.form.as_ref()) {
        in_order = false;
        println!("WRONG    a partner that is {} needs it: {what}", partner.status);
    }
    for path in examples(manifest)? {
        let found = check_example(partner, &path, settings);
        match found {
            Ok(about) => println!("ok       {about}"),
            Err(wrong) => {
                in_order = false;
                println!("WRONG    {}: {wrong}", path.display());
            }
        }
    }
    Ok(in_order)
}

/// Things that are in order but may be mistakes: keys that are not good today, or soon will not be.
fn notes(partner: &Partner, day: NaiveDate) -> Vec<String> {
    let keys = &partner.access.keys;
    let soon = day.checked_add_days(Days::new(NOTICE_DAYS)).unwrap_or(day);
    let mut notes = Vec::new();
    for key in keys {
        match (key.from, key.until) {
            (_, Some(until)) if until < day => {
                notes.push(format!("key {} was good until {until}: remove it", key.kid));
            }
            (_, Some(until)) if until < soon => {
                notes.push(format!("key {} is good until {until}", key.kid));
            }
            (Some(from), _) if day < from => {
                notes.push(format!("key {} is good from {from} on", key.kid));
            }
            _ => {}
        }
    }
    match (in_force(keys, day).count(), in_force(keys, soon).count()) {
        (0, _) => notes.push("no key of it is good today: it cannot get a token".to_owned()),
        (_, 0) => notes.push(format!("no key of it is good in {NOTICE_DAYS} days")),
        _ => {}
    }
    notes
}

fn examples(manifest: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = manifest.with_file_name("examples");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Runs one example. Returns what the example shows, or what differs.
fn check_example(partner: &Partner, path: &Path, settings: &Settings) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let example: Example = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if example.events.len() != example.expect.len() {
        return Err("expected one outcome for each event".to_owned());
    }
    let mut standings = Standings::default();
    for (number, (event, expected)) in (1..).zip(example.events.iter().zip(&example.expect)) {
        let outcome = decide(partner, event, &mut standings, settings);
        expected.compare(&outcome).map_err(|differs| format!("event {number}: {differs}"))?;
    }
    Ok(example.about)
}

/// Decides on an event as the writer would on the day after it happened.
fn decide(
    partner: &Partner,
    value: &Value,
    standings: &mut Standings,
    settings: &Settings,
) -> Result<Decision, String> {
    let key = FingerprintKey::new(b"examples are not kept");
    let event = event::parse_value(&partner.id, &partner.limits, value, &key)
        .map_err(|malformed| malformed.in_words())?;
    let recorded_at = event.effective_at.plus(TimeDelta::days(1));
    enrol(partner, &event, standings, recorded_at);
    introduce(partner, &event, standings)?;
    let occasion = Occasion::new(event.effective_at, recorded_at, settings.time_zone);
    program::decide(&event, partner, standings, occasion).map_err(|refusal| refusal.to_string())
}

/// Enrols each member of an example when an event first names it.
fn enrol(partner: &Partner, event: &Event, standings: &mut Standings, now: Moment) {
    if let Some(member) = event.data.member()
        && standings.customer(&partner.id, member).is_none()
    {
        let customer =
            CustomerStanding { id: CustomerId::random(), enrolled_at: now, birth_month: None };
        standings.add_customer(MemberKey::of(&partner.id, member), customer);
    }
}

/// Recognises a referred person as the gateway does, by keys that only examples have.
fn introduce(partner: &Partner, event: &Event, standings: &mut Standings) -> Result<(), String> {
    if let EventData::Referral(referral) = &event.data
        && referral.consent.is_some()
    {
        let ring = Ring::new(
            NamedKey::of("examples", &[0; 32]),
            NamedKey::of("examples", b"examples are not kept"),
        );
        let keys = PersonalKeys::new(ring.map_err(|error| error.to_string())?);
        let person = Person::of(&referral.contact, |sort, text| keys.blind_indexes(sort, text));
        let introductions = &mut standings.introductions;
        for (likeness, key) in person.sightings(&partner.id) {
            let like = partner.programme.pattern.iter().filter(|pattern| pattern.same == likeness);
            like.for_each(|pattern| introductions.start_seeing(key, pattern.hours));
        }
        introductions.add_person(EventKey::of(&partner.id, &event.id), person);
    }
    Ok(())
}

impl Expected {
    fn compare(&self, outcome: &Result<Decision, String>) -> Result<(), String> {
        match (self, outcome) {
            (Self::Refused { refused }, Err(refusal)) if refusal.contains(refused) => Ok(()),
            (Self::Refused { refused }, Err(refusal)) => Err(format!(
                "\n  expected the refusal {refused:?}\n  got                  {refusal:?}"
            )),
            (Self::Refused { refused }, Ok(_)) => {
                Err(format!("expected the refusal {refused:?}, but it was taken"))
            }
            (Self::Taken { .. }, Err(refusal)) => Err(format!("refused: {refusal}")),
            (Self::Taken { marks, postings, referral }, Ok(decision)) => {
                same("marks", marks, &marks_of(decision))?;
                same("postings", postings, &postings_of(decision))?;
                let state =
                    decision.verdict.as_ref().map(|verdict| verdict.state.name().to_owned());
                same("referral", referral, &state)
            }
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    Err(format!("{what}\n  expected {expected:?}\n  got      {got:?}"))
}

fn marks_of(decision: &Decision) -> Vec<String> {
    decision.marks.iter().map(|mark| mark.name().to_owned()).collect()
}

fn postings_of(decision: &Decision) -> Vec<String> {
    let kept = decision.postings.iter().filter(|posting| !posting.amount.is_zero());
    kept.map(|posting| {
        let (code, asset) = (posting.account.code.name(), posting.account.asset);
        format!("{code} {} {asset}", posting.amount)
    })
    .collect()
}
