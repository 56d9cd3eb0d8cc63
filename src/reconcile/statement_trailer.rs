//! The totals that end a statement, held against its lines before any line is used.

use csv::StringRecord;
use regex::Regex;

use super::statement_file::plain;
use crate::intake::IntakeError;
use crate::intake::columns::place_of;
use crate::money::{Amount, Asset};
use crate::partner::statement_map::{Trailer, TrailerLine};

/// What the lines come to so far, and whether the totals have come.
pub(super) struct TotalsCheck {
    form: TotalsForm,
    seen: TotalsSeen,
    lines: u64,
    total: i128,
    columns: Vec<ColumnSum>,
}

enum TotalsForm {
    None,
    Line { trailer: TrailerLine, places: Option<TotalsPlaces> },
    Comment(Box<Regex>),
}

enum TotalsSeen {
    NotYet,
    /// The headings of the totals have come; their values stand on the next line.
    Headings,
    On(u64),
}

/// Where the totals stand in their line.
struct TotalsPlaces {
    count: usize,
    total: Option<usize>,
    sums: Vec<Option<usize>>,
}

/// The sum of a column beside the amount.
struct ColumnSum {
    /// Where the column stands; nothing in a file without it.
    place: Option<usize>,
    heading: String,
    minor: i128,
}

/// What a line is to the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TotalsStep {
    Line,
    OfTotals,
}

impl TotalsCheck {
    pub(super) fn new(
        trailer: Option<&Trailer>,
        header: &StringRecord,
    ) -> Result<Self, IntakeError> {
        let (mut columns, form) = (
            Vec::new(),
            match trailer {
                None => TotalsForm::None,
                // The manifest was checked: a pattern that is none matches nothing.
                Some(Trailer::Comment { pattern }) => Regex::new(pattern)
                    .map_or(TotalsForm::None, |pattern| TotalsForm::Comment(Box::new(pattern))),
                Some(Trailer::Line(trailer)) => {
                    let places =
                        (!trailer.own_headings).then(|| TotalsPlaces::find(trailer, header));
                    TotalsForm::Line { places: places.transpose()?, trailer: trailer.clone() }
                }
            },
        );
        if let Some(Trailer::Line(trailer)) = trailer {
            columns.extend(trailer.totals.keys().map(|heading| ColumnSum {
                place: place_of(heading, header).ok(),
                heading: heading.clone(),
                minor: 0,
            }));
        }
        Ok(Self { form, seen: TotalsSeen::NotYet, lines: 0, total: 0, columns })
    }

    /// Looks at a line that is no comment.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub(super) fn look(
        &mut self,
        number: u64,
        fields: &StringRecord,
    ) -> Result<TotalsStep, String> {
        let TotalsForm::Line { trailer, places } = &mut self.form else {
            return Ok(TotalsStep::Line);
        };
        match self.seen {
            TotalsSeen::On(at) => return Err(format!("stands behind the last line, {at}")),
            TotalsSeen::Headings => {}
            TotalsSeen::NotYet if fields.get(0).map(plain) != Some(trailer.mark.as_str()) => {
                return Ok(TotalsStep::Line);
            }
            TotalsSeen::NotYet if trailer.own_headings => {
                let found = TotalsPlaces::find(trailer, &fields.iter().map(plain).collect());
                *places = Some(found.map_err(|error| error.to_string())?);
                self.seen = TotalsSeen::Headings;
                return Ok(TotalsStep::OfTotals);
            }
            TotalsSeen::NotYet => {}
        }
        self.seen = TotalsSeen::On(number);
        let Some(places) = places else { return Ok(TotalsStep::OfTotals) };
        let said = |place: usize| fields.get(place).map(plain).unwrap_or_default();
        check_count(said(places.count), self.lines)?;
        if let Some(total) = places.total {
            check_sum(said(total), self.total)?;
        }
        for (column, place) in self.columns.iter().zip(&places.sums) {
            if let (Some(place), Some(_in_lines)) = (place, column.place) {
                check_sum(said(*place), column.minor)
                    .map_err(|error| format!("{}: {error}", column.heading))?;
            }
        }
        Ok(TotalsStep::OfTotals)
    }

    /// Looks at a comment.
    ///
    /// # Errors
    /// What is wrong with the totals in it.
    pub(super) fn look_at_comment(&mut self, number: u64, text: &str) -> Result<(), String> {
        let TotalsForm::Comment(pattern) = &self.form else { return Ok(()) };
        let Some(found) = pattern.captures(text) else { return Ok(()) };
        if let TotalsSeen::On(at) = self.seen {
            return Err(format!("has totals, as line {at} has"));
        }
        self.seen = TotalsSeen::On(number);
        let said = |name: &str| found.name(name).map_or("", |it| it.as_str());
        check_count(said("count"), self.lines)?;
        check_sum(said("total"), self.total)
    }

    /// Counts a line, whether it is compared or not.
    ///
    /// # Errors
    /// A cell of a column with a total that is no amount.
    pub(super) fn count(&mut self, fields: &StringRecord) -> Result<(), String> {
        self.lines = self.lines.saturating_add(1);
        for column in &mut self.columns {
            let Some(cell) = column.place.and_then(|place| fields.get(place)).map(plain) else {
                continue;
            };
            if cell.is_empty() {
                continue;
            }
            let amount = Amount::parse(cell, Asset::CNY)
                .map_err(|error| format!("{}: {error}", column.heading))?;
            column.minor = column.minor.saturating_add(i128::from(amount.minor()));
        }
        Ok(())
    }

    /// Adds the amount of a line, as it is written.
    pub(super) fn add(&mut self, amount: Amount) {
        self.total = self.total.saturating_add(i128::from(amount.minor()));
    }

    /// At the end of the file: what is missing. It is said once.
    pub(super) fn missing(&mut self) -> Option<String> {
        let is_there = matches!(self.seen, TotalsSeen::On(_));
        let missing = match &self.form {
            TotalsForm::None => None,
            _ if is_there => None,
            TotalsForm::Line { trailer, .. } => Some(format!(
                "the file ends without its last line {:?}: it may be cut off",
                trailer.mark
            )),
            TotalsForm::Comment(_) => {
                Some("the file ends without its totals: it may be cut off".to_owned())
            }
        };
        if missing.is_some() {
            self.seen = TotalsSeen::On(0);
        }
        missing
    }
}

impl TotalsPlaces {
    fn find(trailer: &TrailerLine, headings: &StringRecord) -> Result<Self, IntakeError> {
        let total = trailer.total.as_deref().map(|total| place_of(total, headings));
        Ok(Self {
            count: place_of(&trailer.count, headings)?,
            total: total.transpose()?,
            sums: trailer.totals.values().map(|it| place_of(it, headings).ok()).collect(),
        })
    }
}

fn check_count(said: &str, lines: u64) -> Result<(), String> {
    match said == lines.to_string() {
        true => Ok(()),
        false => Err(format!("says another number of lines: the file has {lines}")),
    }
}

fn check_sum(said: &str, minor: i128) -> Result<(), String> {
    let said = Amount::parse(said, Asset::CNY).map(Amount::minor);
    if said.is_ok_and(|said| i128::from(said) == minor) {
        return Ok(());
    }
    let sum = Amount::from_minor(i64::try_from(minor).unwrap_or(i64::MAX), Asset::CNY);
    Err(format!("says another sum: the lines come to {sum}"))
}
