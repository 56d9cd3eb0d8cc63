//! `tallystick import payments FILE --partner ID`: takes in a partner's daily file, in the same way
//! as its API calls. Every line is an event with an id, so that a second run adds nothing.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use csv::StringRecord;
use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use crate::app::Core;
use crate::event::FingerprintKey;
use crate::ids::{ImportId, PartnerId};
use crate::intake::{
    Charset, Guess, Line, Lines, Reading, Rejects, is_ours, record, submissions, unpack,
};
use crate::partner::Partner;
use crate::program::Judging;
use crate::settings::Settings;
use crate::store::history_imports::{self, HistoryImport};
use crate::writer::{WriteError, Writer};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Payments, one a line, as the partner's manifest maps the columns.
    Payments(PaymentsArgs),
}

#[derive(Debug, clap::Args)]
pub struct PaymentsArgs {
    /// CSV with a header line, plain or gzip.
    file: PathBuf,
    #[arg(long)]
    partner: PartnerId,
    /// The file for rejected lines, with their number and the reason.
    /// [default: FILE's name with .rejects.csv, in the current folder]
    #[arg(long)]
    rejects: Option<PathBuf>,
    /// The file's charset: utf-8 or gb18030 [default: what fits its lines]
    #[arg(long, value_parser = charset)]
    charset: Option<Charset>,
    /// Judge the payments by the dates in the file: the bank brings its own history in. Limits of
    /// exposure and lateness do not hold, and reservations run from those dates.
    #[arg(long, requires_all = ["by", "reason"])]
    history: bool,
    /// Who has the history brought in, for the audit trail.
    #[arg(long, requires = "history")]
    by: Option<String>,
    /// Why, for the audit trail.
    #[arg(long, requires = "history")]
    reason: Option<String>,
}

/// Lines that the writer gets at once.
const LINES_AT_ONCE: usize = 1_000;

/// The outcome of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub recorded: u64,
    /// Already recorded, by an earlier run or by the API.
    pub known: u64,
    pub rejected: u64,
}

/// Takes in the file. `Ok(false)`: some lines were rejected.
///
/// # Errors
/// When the file or the database cannot be used. What is recorded by then stays recorded.
pub async fn run(command: Command, settings: Settings) -> Result<bool, Failure> {
    let Command::Payments(args) = command;
    let core = Core::start(&settings)?;
    let partner = core.registry.get(&args.partner);
    let partner = partner.ok_or_else(|| format!("no partner {} in the registry", args.partner))?;
    let rejects = args.rejects.clone().unwrap_or_else(|| default_rejects(&args.file));
    let key = core.keys.fingerprint.clone();
    let writer = core.books(&partner).writer.clone();
    let judging = if args.history { Judging::History } else { Judging::InForce };
    if args.history {
        keep_trail(&args, &partner, &writer).await?;
    }
    let mut import = Import { writer, partner, key, rejects, judging, out: None };
    let started = Instant::now();
    let tally = import.file(&args.file, args.charset).await;
    let Import { writer, rejects, out, .. } = import;
    drop(writer);
    core.stop().await;
    let tally = tally?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} recorded, {} recorded before, {} rejected in {seconds:.1} s",
        tally.recorded, tally.known, tally.rejected
    );
    if out.is_some() {
        println!("rejected lines are in {}", rejects.display());
    }
    Ok(tally.rejected == 0)
}

/// Writes into the books who has the file judged by its dates, and why, before a line of it is.
async fn keep_trail(
    args: &PaymentsArgs,
    partner: &Arc<Partner>,
    writer: &Writer,
) -> Result<(), Failure> {
    let trail = HistoryImport {
        id: ImportId::random(),
        partner: partner.id.clone(),
        file: args.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        sha256: sha256_of(&args.file)?,
        by: args.by.clone().unwrap_or_default(),
        because: args.reason.clone().unwrap_or_default(),
    };
    if trail.by.trim().is_empty() || trail.because.trim().is_empty() {
        return Err("--by and --reason must say something".into());
    }
    let kept = trail.clone();
    writer.run(move |work| Ok(history_imports::insert(&mut work.tx, &kept, work.now)?)).await?;
    tracing::warn!(
        partner = %trail.partner, by = trail.by, reason = trail.because, file = trail.file,
        "history: payments are judged by the dates in the file"
    );
    Ok(())
}

fn sha256_of(path: &Path) -> Result<[u8; 32], Failure> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut file = File::open(path).map_err(cannot)?;
    let (mut hash, mut buffer) = (Context::new(&SHA256), vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer).map_err(cannot)?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    let mut sha256 = [0; 32];
    sha256.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Ok(sha256)
}

struct Import {
    writer: Writer,
    partner: Arc<Partner>,
    key: FingerprintKey,
    rejects: PathBuf,
    judging: Judging,
    out: Option<File>,
}

impl Import {
    async fn file(&mut self, path: &Path, charset: Option<Charset>) -> Result<Tally, Failure> {
        let charset = charset.map_or_else(|| guess(path), Ok)?;
        let (reader, progress) = open(path)?;
        let (partner, key) = (Arc::clone(&self.partner), self.key.clone());
        let reading = Reading { bytes_max: u64::MAX, charset, partner: &partner, key };
        let mut lines = Lines::open(reader, reading)?;
        let header = lines.header().clone();
        let mut tally = Tally::default();
        let mut waiting: Vec<Line> = Vec::with_capacity(LINES_AT_ONCE);
        while let Some(line) = lines.next_line()? {
            waiting.push(line);
            if waiting.len() >= LINES_AT_ONCE {
                self.hand_over(&header, &mut waiting, &mut tally).await?;
                progress
                    .set_message(format!("{} lines", tally.recorded.saturating_add(tally.known)));
            }
        }
        self.hand_over(&header, &mut waiting, &mut tally).await?;
        progress.finish_and_clear();
        Ok(tally)
    }

    async fn hand_over(
        &mut self,
        header: &StringRecord,
        waiting: &mut Vec<Line>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let good = waiting.iter().filter_map(|line| line.read.as_ref().ok());
        let answers = record(&self.writer, submissions(&self.partner, good, self.judging)).await;
        let mut answers = answers.into_iter();
        for line in waiting.drain(..) {
            let answer = match &line.read {
                Ok(_event) => answers.next().unwrap_or(Err(WriteError::Stopped)),
                Err(reason) => {
                    self.reject(header, tally, &line, reason)?;
                    continue;
                }
            };
            match answer {
                Ok(outcome) if outcome.replayed => tally.known = tally.known.saturating_add(1),
                Ok(_) => tally.recorded = tally.recorded.saturating_add(1),
                Err(error) if is_ours(&error) => return Err(error.into()),
                Err(error) => self.reject(header, tally, &line, &error.to_string())?,
            }
        }
        Ok(())
    }

    /// Writes a line to the reject file. The first rejected line makes the file.
    fn reject(
        &mut self,
        header: &StringRecord,
        tally: &mut Tally,
        line: &Line,
        reason: &str,
    ) -> Result<(), Failure> {
        tally.rejected = tally.rejected.saturating_add(1);
        if self.out.is_none() {
            let mut file = File::create(&self.rejects)
                .map_err(|error| format!("cannot write {}: {error}", self.rejects.display()))?;
            file.write_all(&Rejects::header(header)?)?;
            self.out = Some(file);
        }
        if let Some(out) = &mut self.out {
            let mut rejects = Rejects::of(header);
            rejects.add(line, reason)?;
            out.write_all(rejects.csv())?;
        }
        Ok(())
    }
}

/// Guesses the charset of a file.
fn guess(path: &Path) -> Result<Charset, Failure> {
    if !path.metadata().is_ok_and(|data| data.is_file()) {
        let what = format!("{} cannot be read twice", path.display());
        return Err(format!("{what}: say the charset (--charset), or store it in a file").into());
    }
    let (mut reader, progress) = open(path)?;
    let (mut guess, mut buffer) = (Guess::default(), vec![0; 64 * 1024]);
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        guess.look(buffer.get(..read).unwrap_or_default());
    }
    progress.finish_and_clear();
    Ok(guess.charset())
}

fn charset(name: &str) -> Result<Charset, String> {
    Charset::by_name(name).ok_or_else(|| "expected utf-8 or gb18030".to_owned())
}

/// Opens the file, and unpacks it if it is packed. The progress bar counts the bytes read.
fn open(path: &Path) -> Result<(Box<dyn Read + Send>, ProgressBar), Failure> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    let progress = ProgressBar::new(length);
    let style = "{bar:40} {bytes}/{total_bytes} {msg} {elapsed_precise} (eta {eta})";
    progress.set_style(ProgressStyle::with_template(style)?);
    let (reader, _packed) = unpack(progress.wrap_read(file)).map_err(cannot)?;
    Ok((reader, progress))
}

fn default_rejects(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{name}.rejects.csv"))
}
