//! `tallystick ledger outstanding`: the points that customers hold, by age and time to expiry.

use super::cutoff::CutoffArgs;
use crate::cli::Failure;
use crate::clock;
use crate::ledger::Cutoff;
use crate::ledger::outstanding::{Outstanding, outstanding};
use crate::settings::Settings;
use crate::store::Db;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    cutoff: CutoffArgs,
    /// As CSV.
    #[arg(long)]
    csv: bool,
}

const COLUMNS: [&str; 4] = ["partner", "age_months", "expires_in_months", "points"];

/// # Errors
/// When the text of the moment is not a moment, or the books cannot be read.
pub fn run(args: &Args, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let cutoff = args.cutoff.read(settings)?;
    let moment = cutoff.map_or_else(clock::now, |cutoff| cutoff.effective.min(cutoff.recorded));
    let (zone, cutoff) = (settings.time_zone, cutoff.unwrap_or(Cutoff::NONE));
    let lines = outstanding(db, cutoff, moment.day_in(zone), zone)?;
    let written = lines.iter().map(columns);
    if args.csv {
        let mut out = csv::Writer::from_writer(std::io::stdout().lock());
        out.write_record(COLUMNS)?;
        written.into_iter().try_for_each(|line| out.write_record(line))?;
        out.flush()?;
    } else {
        for [partner, age, expires, points] in
            std::iter::once(COLUMNS.map(str::to_owned)).chain(written)
        {
            println!("{partner:<20} {age:<12} {expires:<18} {points:>16}");
        }
    }
    Ok(true)
}

fn columns(line: &Outstanding) -> [String; 4] {
    let partner = line.partner.to_string();
    [partner, line.age.to_owned(), line.expires.to_owned(), line.points.to_string()]
}
