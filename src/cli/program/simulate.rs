//! `tallystick program simulate`: decides on recorded history by the present rules and by changed
//! ones, and prints the difference. Reads one snapshot and writes nothing.

use std::io::IsTerminal;
use std::path::PathBuf;

use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressStyle};
use rust_decimal::Decimal;

use crate::cli::Failure;
use crate::event;
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::registry::{Partners, load_programme};
use crate::program::simulate::{Compared, Past, Report, Rules, SimulatedOutcome, Simulation};
use crate::settings::Settings;
use crate::store::history::{self, PastEvent};
use crate::store::{self, Db};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long)]
    partner: PartnerId,
    /// The partner's whole manifest, changed.
    #[arg(long, value_name = "NEW.toml")]
    rules: PathBuf,
    /// The first day on which the changed rules hold. [default: from the beginning]
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// The last one. [default: to the end]
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// As CSV.
    #[arg(long)]
    csv: bool,
}

/// Transactions in one page.
const PAGE: i64 = 500;

const COLUMNS: [&str; 5] = ["what", "name", "now", "then", "difference"];

/// # Errors
/// When the rules cannot be read, or the history.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let registry = Partners::read(&settings.partners)?;
    let now = registry.get(&args.partner);
    let now = now.ok_or_else(|| format!("no partner {} in the registry", args.partner))?;
    let text = std::fs::read_to_string(&args.rules)
        .map_err(|error| format!("cannot read {}: {error}", args.rules.display()))?;
    let (file, programme) = (args.rules.display().to_string(), load_programme(&settings.partners)?);
    let then = Partner::parse(&text, &file, args.partner.as_str(), &programme)?;
    let mut db = store::open(&settings.database_url)?;
    let compared = db.snapshot(|db| {
        compare(db, args, settings, &Compare { registry: &registry, now, then: &then })
    })?;
    let (report, without_rules) = compared;
    if args.csv {
        let mut out = csv::Writer::from_writer(std::io::stdout().lock());
        out.write_record(COLUMNS)?;
        lines(&report).iter().try_for_each(|line| out.write_record(line))?;
        out.flush()?;
    } else {
        print(&report, without_rules);
    }
    Ok(true)
}

/// A partner's rules as they are and as they would be, beside those of all partners.
struct Compare<'a> {
    registry: &'a Partners,
    now: &'a Partner,
    then: &'a Partner,
}

/// The report, and the number of events of partners that are no longer in the registry.
fn compare(
    db: &mut Db,
    args: &Args,
    settings: &Settings,
    rules: &Compare<'_>,
) -> Result<(Report, u64), Failure> {
    let Compare { registry, now, then } = *rules;
    let progress = bar(db)?;
    let mut simulation = Simulation::new(settings.time_zone);
    let (mut after, mut without_rules) = (None, 0_u64);
    loop {
        let page = history::page(db, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        progress.inc(u64::try_from(page.len())?);
        for event in page.into_iter().filter_map(|transaction| transaction.event) {
            let past = past(event)?;
            if past.event.partner == args.partner {
                let day = past.event.effective_at.day_in(settings.time_zone);
                let compared =
                    args.from.is_none_or(|from| from <= day) && args.to.is_none_or(|to| day <= to);
                let then = if compared { then } else { now };
                simulation.take(&past, &Rules { now, then, compared });
            } else if let Some(other) = registry.get(&past.event.partner) {
                simulation.take(&past, &Rules { now: other, then: other, compared: false });
            } else {
                without_rules = without_rules.saturating_add(1);
            }
        }
    }
    progress.finish_and_clear();
    Ok((simulation.report, without_rules))
}

fn past(event: PastEvent) -> Result<Past, Failure> {
    let PastEvent { partner, body, refers_to, customer, recorded_at, marks, entries } = event;
    let mut event = event::parse_recorded(&partner, &body)
        .map_err(|malformed| format!("a recorded event: {}", malformed.in_words()))?;
    if let Some(first) = refers_to {
        event.data.refer_to(first);
    }
    let mut outcome =
        SimulatedOutcome { marks: marks.into_iter().collect(), ..SimulatedOutcome::default() };
    for (account, rule, amount) in &entries {
        outcome.post(account, rule, *amount);
    }
    Ok(Past { event, customer, recorded_at, outcome })
}

fn bar(db: &mut Db) -> Result<ProgressBar, Failure> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let count = u64::try_from(history::count(db)?)?;
    let style = "{bar:40} {pos}/{len} transactions {elapsed_precise} (eta {eta})";
    Ok(ProgressBar::new(count).with_style(ProgressStyle::with_template(style)?))
}

fn lines(report: &Report) -> Vec<[String; 5]> {
    let mut lines = Vec::new();
    let mut compare = |what: &str, name: &str, sums: Compared| {
        let [now, then, more] = [sums.now, sums.then, sums.difference()].map(plain);
        lines.push([what.to_owned(), name.to_owned(), now, then, more]);
    };
    for (rule, points) in &report.points {
        compare("points", rule, *points);
    }
    compare("points", "all", report.points_in_all());
    for (bearer, points) in &report.borne {
        compare("points-by", bearer.name(), *points);
    }
    for (bearer, cost) in &report.cost {
        compare("cost-cny", bearer.name(), *cost);
    }
    for (code, amount) in &report.payable {
        compare("payable-cny", code, *amount);
    }
    for (mark, events) in &report.marks {
        compare("mark", mark, *events);
    }
    compare("events", "refused", report.refused);
    let mut tell = |what: &str, name: &str, value: String| {
        lines.push([what, name, "", "", &value].map(str::to_owned));
    };
    tell("events", "changed", report.changed.to_string());
    tell("events", "examined", report.events.to_string());
    tell("events", "recorded-otherwise", report.recorded_otherwise.to_string());
    for (name, side) in ["winners", "losers", "unchanged"].into_iter().zip(report.sides()) {
        tell("customers", name, side.customers.to_string());
        if name != "unchanged" {
            tell("customers-sum", name, plain(side.sum));
            tell("customers-largest", name, plain(side.largest));
        }
    }
    lines
}

fn plain(number: Decimal) -> String {
    number.normalize().to_string()
}

fn print(report: &Report, without_rules: u64) {
    for [what, name, now, then, more] in
        std::iter::once(COLUMNS.map(str::to_owned)).chain(lines(report))
    {
        println!("{what:<18} {name:<32} {now:>16} {then:>16} {more:>16}");
    }
    for changed in &report.named {
        println!("{}: now {}; then {}", changed.event, changed.now, changed.then);
    }
    if report.recorded_otherwise > 0 {
        println!(
            "of {} events something else is recorded than the rules as they are make of them: the \
             comparison is between rules",
            report.recorded_otherwise
        );
    }
    if without_rules > 0 {
        println!("{without_rules} events of partners that are in the registry no more: left out");
    }
}
