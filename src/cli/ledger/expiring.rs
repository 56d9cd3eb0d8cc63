//! `tallystick ledger expiring`: whose points expire soon, for the notice in advance.

use chrono::TimeDelta;

use crate::cli::Failure;
use crate::clock;
use crate::settings::Settings;
use crate::spreadsheet;
use crate::store::{Db, lots};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Within how many days from now.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3660))]
    within: u16,
}

/// Prints a line of CSV for each customer and last day, soonest first: the bank's own subject where
/// it is known, and never anything a partner knows.
///
/// # Errors
/// When the books cannot be read.
pub fn run(args: &Args, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let now = clock::now();
    let until = now.plus(TimeDelta::days(i64::from(args.within)));
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["customer", "subject", "spend_by", "points"])?;
    for soon in lots::expiring(db, now, until)? {
        let last_moment = soon.expires_at.minus(TimeDelta::seconds(1));
        let spend_by = last_moment.day_in(settings.time_zone).to_string();
        let subject = soon.subject.unwrap_or_default();
        let subject = spreadsheet::cell(&subject).into_owned();
        let (customer, points) = (soon.customer.to_string(), soon.points.to_string());
        out.write_record([customer, subject, spend_by, points])?;
    }
    out.flush()?;
    Ok(true)
}
