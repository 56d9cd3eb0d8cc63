//! Lines of partners' files that could not be recorded. They are kept sealed for a time, with their
//! fields as they stood, so they may name a person: then they belong to what is held about that
//! person, and are erased with it.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::PersonalKeys;
use super::personal::Sealed;
use super::refusal::CustomerRefusal;
use crate::clock::Moment;
use crate::fold::letters_and_digits;
use crate::ids::{ImportId, PartnerId};
use crate::intake::job::part_key;
use crate::store::imports::{self, RejectGroup, RejectPlace};
use crate::store::{Db, LedgerTx, StoreError};

/// The texts by which lines are found: member references, phone numbers, documents and e-mails.
#[derive(Clone, Debug, Default)]
pub struct Identifiers {
    folded: BTreeSet<String>,
    partners: BTreeSet<PartnerId>,
}

/// A line that names the person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RejectedLine {
    pub partner: PartnerId,
    /// The columns of the reject file: number, reason, and the fields as they stood.
    pub fields: Vec<String>,
    pub recorded_at: Moment,
}

/// Groups of lines that are read at once.
const GROUPS_MAX: i64 = 50;

/// Shorter texts are part of too many lines to say whose a line is.
const CHARACTERS_MIN: usize = 4;

impl Identifiers {
    /// Adds a text that names the person in files of a partner.
    pub fn add(&mut self, partner: &PartnerId, text: &str) {
        let folded = letters_and_digits(text);
        if folded.chars().count() >= CHARACTERS_MIN {
            self.folded.insert(folded);
            self.partners.insert(partner.clone());
        }
    }

    fn names(&self, line: &csv::StringRecord) -> bool {
        // The first two columns are the line's number and the reason, which name nobody.
        // Surplus fields of a line stand in one cell, joined by commas.
        let fields = line.iter().skip(2).flat_map(|cell| cell.split(',').chain([cell]));
        fields.map(letters_and_digits).any(|field| self.folded.contains(&field))
    }
}

/// The lines that name the person.
///
/// # Errors
/// [`CustomerRefusal::Seal`] when a key is missing.
pub fn find(
    db: &mut Db,
    keys: &PersonalKeys,
    of: &Identifiers,
) -> Result<Vec<RejectedLine>, CustomerRefusal> {
    let mut found = Vec::new();
    for partner in &of.partners {
        each_group(db, partner, |_db, group| {
            let recorded_at = group.recorded_at;
            for line in open(keys, group)?.iter().filter(|line| of.names(line)) {
                let fields = line.iter().map(str::to_owned).collect();
                found.push(RejectedLine { partner: partner.clone(), fields, recorded_at });
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// Erases the lines that name the person, and returns their number.
///
/// # Errors
/// As [`find`].
pub fn erase(db: &mut Db, keys: &PersonalKeys, of: &Identifiers) -> Result<u64, CustomerRefusal> {
    let mut erased = 0_u64;
    for partner in &of.partners {
        each_group(db, partner, |db, group| {
            let (gone, left): (Vec<_>, Vec<_>) =
                open(keys, group)?.into_iter().partition(|line| of.names(line));
            if gone.is_empty() {
                return Ok(());
            }
            let place = group.place;
            let sealed = match left.as_slice() {
                [] => None,
                lines => Some(seal(keys, place, lines)?),
            };
            let replace = |tx: &mut LedgerTx<'_>| {
                imports::replace_rejects(tx, place, sealed.as_ref(), group.expires_at)
            };
            db.write::<_, StoreError>(replace)?;
            erased = erased.saturating_add(u64::try_from(gone.len()).unwrap_or(u64::MAX));
            Ok(())
        })?;
    }
    Ok(erased)
}

fn each_group(
    db: &mut Db,
    partner: &PartnerId,
    mut work: impl FnMut(&mut Db, &RejectGroup) -> Result<(), CustomerRefusal>,
) -> Result<(), CustomerRefusal> {
    let mut after = RejectPlace { import: ImportId::from_uuid(uuid::Uuid::nil()), after_lines: 0 };
    loop {
        let groups = imports::rejects_of_partner(db, partner, after, GROUPS_MAX)?;
        let Some(last) = groups.last() else { return Ok(()) };
        after = last.place;
        for group in &groups {
            work(db, group)?;
        }
    }
}

fn open(
    keys: &PersonalKeys,
    group: &RejectGroup,
) -> Result<Vec<csv::StringRecord>, CustomerRefusal> {
    let key = part_key(group.place.import, "rejects", group.place.after_lines);
    let text = keys.open(key.bytes(), &group.sealed)?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_slice());
    let corrupt = |_error| StoreError::Corrupt("import_rejects.sealed");
    let lines: Result<Vec<_>, _> = reader.records().collect();
    Ok(lines.map_err(corrupt)?)
}

fn seal(
    keys: &PersonalKeys,
    place: RejectPlace,
    lines: &[csv::StringRecord],
) -> Result<Sealed, CustomerRefusal> {
    let corrupt = |_error| StoreError::Corrupt("import_rejects.sealed");
    let mut text = Vec::new();
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(&mut text);
    for line in lines {
        writer.write_record(line).map_err(corrupt)?;
    }
    writer.flush().map_err(|_full| StoreError::Corrupt("import_rejects.sealed"))?;
    drop(writer);
    let key = part_key(place.import, "rejects", place.after_lines);
    Ok(keys.seal(key.bytes(), &text)?)
}
