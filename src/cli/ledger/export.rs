//! `tallystick ledger export`: the journal for other people's programs, to a file or on to a pipe.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::cutoff::CutoffArgs;
use crate::cli::Failure;
use crate::ledger::Cutoff;
use crate::ledger::export::{AccountPattern, Export, ExportError, Format, export};
use crate::settings::Settings;
use crate::store::{Db, reports};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// hledger, beancount, csv or parquet.
    #[arg(long)]
    format: Format,
    /// The file to write; it appears under its name when it is whole. [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only what moves these accounts: the beginning of a name (partner:green-basket), or a name
    /// with stars (customer:*:points_available). Journals hold whole transactions all the same.
    #[arg(long, value_name = "PATTERN")]
    account: Option<String>,
    #[command(flatten)]
    cutoff: CutoffArgs,
}

/// # Errors
/// When the journal cannot be read or the export not written; then there is no file of its name.
pub fn run(args: &Args, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let what = Export {
        format: args.format,
        cutoff: args.cutoff.read(settings)?.unwrap_or(Cutoff::NONE),
        accounts: args.account.clone().map(AccountPattern::new),
        time_zone: settings.time_zone,
    };
    match &args.out {
        Some(path) => to_file(db, &what, path)?,
        None => to_standard_output(db, &what)?,
    }
    Ok(true)
}

fn to_standard_output(db: &mut Db, what: &Export) -> Result<(), Failure> {
    let out = io::stdout();
    if what.format == Format::Parquet && out.is_terminal() {
        return Err("parquet is nothing to read on a terminal: give it a file with --out".into());
    }
    match export(db, what, Box::new(out), |_page| {}) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        other => Ok(other.map(|_written| ())?),
    }
}

/// Whether the reader of the output has closed it, as `head` does.
fn is_broken_pipe(error: &ExportError) -> bool {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn to_file(db: &mut Db, what: &Export, path: &Path) -> Result<(), Failure> {
    let mut unfinished = OsString::from(path);
    unfinished.push(".part");
    let unfinished = PathBuf::from(unfinished);
    let cannot = |error: io::Error| format!("cannot write {}: {error}", path.display());
    let file = File::create(&unfinished).map_err(cannot)?;
    let out = Box::new(file.try_clone().map_err(cannot)?);
    let progress = bar(db, what)?;
    let exported = export(db, what, out, |page| progress.inc(page));
    progress.finish_and_clear();
    if exported.is_err() {
        let _best_effort = fs::remove_file(&unfinished);
    }
    let written = exported?;
    file.sync_all().map_err(cannot)?;
    fs::rename(&unfinished, path).map_err(cannot)?;
    eprintln!("{written} transactions in {}", path.display());
    Ok(())
}

/// A bar over the transactions to be read, where somebody is there to see it.
fn bar(db: &mut Db, what: &Export) -> Result<ProgressBar, Failure> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let count = u64::try_from(reports::count(db, what.cutoff)?)?;
    let style = "{bar:40} {pos}/{len} transactions {elapsed_precise} (eta {eta})";
    Ok(ProgressBar::new(count).with_style(ProgressStyle::with_template(style)?))
}
