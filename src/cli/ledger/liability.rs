//! `tallystick ledger liability --month 2026-11`: what customers are owed in points, rolled forward
//! over a month, by partner.

use crate::cli::Failure;
use crate::ledger::Total;
use crate::ledger::cutoff::By;
use crate::ledger::liability::{Line, Month, Movement, roll_forward};
use crate::money::Asset;
use crate::settings::Settings;
use crate::store::Db;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A month of the programme's calendar, such as 2026-11.
    #[arg(long)]
    month: String,
    /// By when entries happened (effective), or by when they were recorded. [default: effective]
    #[arg(long, value_name = "TIME")]
    by: Option<By>,
    /// A line for each partner as CSV.
    #[arg(long)]
    csv: bool,
}

/// # Errors
/// When the month is none or the books cannot be read.
pub fn run(args: &Args, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let month = Month::parse(&args.month, args.by.unwrap_or_default(), settings.time_zone)?;
    let lines = roll_forward(db, month)?;
    if args.csv {
        print_csv(&args.month, &lines)?
    } else {
        print_text(&lines)?
    }
    Ok(true)
}

/// Opening, movements, closing.
fn columns() -> impl Iterator<Item = &'static str> {
    let movements = Movement::ALL.into_iter().map(Movement::name);
    std::iter::once("opening").chain(movements).chain(std::iter::once("closing"))
}

fn partner(line: &Line) -> &str {
    line.partner.as_ref().map_or("", |partner| partner.as_str())
}

fn print_csv(month: &str, lines: &[Line]) -> Result<(), Failure> {
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["month", "partner", "asset"].into_iter().chain(columns()))?;
    for line in lines {
        let named = [month, partner(line), Asset::PTS.code()].map(str::to_owned);
        let amounts = line.amounts().map(|amount| amount.to_string());
        out.write_record(named.into_iter().chain(amounts))?;
    }
    out.flush()?;
    Ok(())
}

fn print_text(lines: &[Line]) -> Result<(), Failure> {
    print_line("PTS", columns().map(|column| column.replace('_', "-")));
    let mut sums = [Total::zero(Asset::PTS); Movement::ALL.len().saturating_add(2)];
    for line in lines {
        let name = match partner(line) {
            "" => "no partner",
            partner => partner,
        };
        print_line(name, line.amounts().map(|amount| amount.to_string()));
        for (sum, amount) in sums.iter_mut().zip(line.amounts()) {
            *sum = sum.plus(amount);
        }
    }
    print_line("sum", sums.iter().map(ToString::to_string));
    Ok(())
}

fn print_line(name: &str, columns: impl Iterator<Item = String>) {
    let columns: Vec<String> = columns.map(|column| format!("{column:>14}")).collect();
    println!("{name:<16} {}", columns.join(" "));
}
