//! `tallystick import payments FILE --partner ID`: a partner's daily file goes the same way as its
//! API calls do. Running it again, after a crash or for good measure, adds nothing: every line is
//! an event with an id.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::Failure;
use crate::app::Core;
use crate::event::{self, FingerprintKey, Payment};
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::file_map::FileMap;
use crate::settings::Settings;
use crate::writer::{Submission, WriteError, Writer};

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
    /// Where lines that are not taken go, with their number and the reason.
    /// [default: FILE's name with .rejects.csv, in the current folder]
    #[arg(long)]
    rejects: Option<PathBuf>,
}

/// Lines in one hand-over to the writer.
const LINES_AT_ONCE: usize = 1_000;

/// What came of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub recorded: u64,
    /// Recorded before, by an earlier run or by the API.
    pub known: u64,
    pub rejected: u64,
}

/// Takes the file in. `Ok(false)` when some lines were rejected.
///
/// # Errors
/// When the file or the database cannot be used; what was recorded until then stays recorded.
pub async fn run(command: Command, settings: Settings) -> Result<bool, Failure> {
    let Command::Payments(args) = command;
    let core = Core::start(&settings)?;
    let partner = core.registry.get(&args.partner);
    let partner = partner.ok_or_else(|| format!("no partner {} in the registry", args.partner))?;
    let map = partner.payments_file.clone().ok_or_else(|| {
        format!("the manifest of {} maps no payments file: [import.payments]", partner.id)
    })?;
    let rejects = args.rejects.unwrap_or_else(|| default_rejects(&args.file));
    let key = core.keys.fingerprint.clone();
    let writer = core.books(&partner).writer.clone();
    let mut import = Import { partner, map, key, writer, rejects, out: None };
    let started = Instant::now();
    let tally = import.file(&args.file).await;
    let out = import.out.take();
    let rejects = import.rejects.clone();
    drop(import);
    core.stop().await;
    let tally = tally?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} recorded, {} recorded before, {} rejected in {seconds:.1} s",
        tally.recorded, tally.known, tally.rejected
    );
    if let Some(mut out) = out {
        out.flush()?;
        println!("rejected lines are in {}", rejects.display());
    }
    Ok(tally.rejected == 0)
}

struct Import {
    partner: Arc<Partner>,
    map: FileMap,
    key: FingerprintKey,
    writer: Writer,
    rejects: PathBuf,
    out: Option<csv::Writer<File>>,
}

/// A line as it was read, with its number in the file.
struct Line {
    number: u64,
    record: csv::StringRecord,
}

impl Import {
    async fn file(&mut self, path: &Path) -> Result<Tally, Failure> {
        let (reader, progress) = open(path)?;
        let mut lines = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
        let header = lines.headers()?.clone();
        let columns = Columns::find(&self.map, &header)?;
        let mut tally = Tally::default();
        let mut waiting: Vec<(Line, Submission)> = Vec::with_capacity(LINES_AT_ONCE);
        for record in lines.into_records() {
            let record = match record {
                Ok(record) => record,
                Err(error) if error.is_io_error() => return Err(error.into()),
                Err(error) => {
                    let number = error.position().map_or(0, csv::Position::line);
                    let line = Line { number, record: csv::StringRecord::new() };
                    self.reject(&mut tally, &line, "not UTF-8")?;
                    continue;
                }
            };
            let number = record.position().map_or(0, csv::Position::line);
            let line = Line { number, record };
            match self.submission(&columns, header.len(), &line.record) {
                Ok(submission) => waiting.push((line, submission)),
                Err(reason) => self.reject(&mut tally, &line, &reason)?,
            }
            if waiting.len() >= LINES_AT_ONCE {
                self.hand_over(&mut waiting, &mut tally).await?;
                progress
                    .set_message(format!("{} lines", tally.recorded.saturating_add(tally.known)));
            }
        }
        self.hand_over(&mut waiting, &mut tally).await?;
        progress.finish_and_clear();
        Ok(tally)
    }

    fn submission(
        &self,
        columns: &Columns,
        width: usize,
        record: &csv::StringRecord,
    ) -> Result<Submission, String> {
        if record.len() != width {
            return Err(format!("{} fields where the header has {width}", record.len()));
        }
        let value = columns.event(record);
        let event = event::parse_value(&self.partner.id, &value, &self.key)
            .map_err(|malformed| malformed.in_words())?;
        Ok(Submission { partner: Arc::clone(&self.partner), event, signed: None })
    }

    async fn hand_over(
        &mut self,
        waiting: &mut Vec<(Line, Submission)>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let (lines, mut submissions): (Vec<Line>, Vec<Submission>) = waiting.drain(..).unzip();
        let mut pending: Vec<&Line> = lines.iter().collect();
        let mut tries = 0_u32;
        while !submissions.is_empty() {
            let answers = self.writer.submit_all(submissions.clone()).await;
            let mut again = Vec::new();
            for ((line, submission), answer) in pending.into_iter().zip(submissions).zip(answers) {
                match answer {
                    Ok(outcome) if outcome.replayed => tally.known = tally.known.saturating_add(1),
                    Ok(_) => tally.recorded = tally.recorded.saturating_add(1),
                    Err(WriteError::Busy) if tries < 10 => again.push((line, submission)),
                    Err(
                        error @ (WriteError::Store(_) | WriteError::Stopped | WriteError::Busy),
                    ) => {
                        return Err(error.into());
                    }
                    Err(error) => self.reject(tally, line, &error.to_string())?,
                }
            }
            (pending, submissions) = again.into_iter().unzip();
            if !submissions.is_empty() {
                tries = tries.saturating_add(1);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(())
    }

    /// Writes a line to the reject file, which is made for the first one.
    fn reject(&mut self, tally: &mut Tally, line: &Line, reason: &str) -> Result<(), Failure> {
        tally.rejected = tally.rejected.saturating_add(1);
        if self.out.is_none() {
            let file = File::create(&self.rejects)
                .map_err(|error| format!("cannot write {}: {error}", self.rejects.display()))?;
            let mut out = csv::WriterBuilder::new().flexible(true).from_writer(file);
            out.write_record(["line", "reason", "fields as they stood"])?;
            self.out = Some(out);
        }
        if let Some(out) = &mut self.out {
            let number = line.number.to_string();
            let told = [number.as_str(), reason];
            out.write_record(told.into_iter().chain(line.record.iter()))?;
        }
        Ok(())
    }
}

/// Where in a line each thing stands.
struct Columns {
    id: usize,
    member: usize,
    occurred_at: usize,
    data: Vec<(&'static str, usize)>,
}

impl Columns {
    fn find(map: &FileMap, header: &csv::StringRecord) -> Result<Self, String> {
        let place = |name: &str| {
            header
                .iter()
                .position(|column| column.trim_start_matches('\u{feff}') == name)
                .ok_or_else(|| format!("the file has no column {name:?}, which the manifest maps"))
        };
        let mut data = vec![("order", place(map.order.as_ref().unwrap_or(&map.id))?)];
        for (field, column) in
            [("gross", &map.gross), ("discount", &map.discount), ("paid", &map.paid)]
        {
            data.push((field, place(column)?));
        }
        let optional = [("stage", &map.stage), ("store", &map.store), ("scheme", &map.scheme)];
        for (field, column) in optional {
            if let Some(column) = column {
                data.push((field, place(column)?));
            }
        }
        Ok(Self {
            id: place(&map.id)?,
            member: place(&map.member)?,
            occurred_at: place(&map.occurred_at)?,
            data,
        })
    }

    /// The line as the event that the API would have got.
    fn event(&self, record: &csv::StringRecord) -> Value {
        let text = |column: usize| record.get(column).unwrap_or_default();
        let mut data = Map::new();
        data.insert("member".to_owned(), json!(text(self.member)));
        data.insert("currency".to_owned(), json!("CNY"));
        for (field, column) in &self.data {
            let optional = matches!(*field, "stage" | "store" | "scheme");
            if !(optional && text(*column).is_empty()) {
                data.insert((*field).to_owned(), json!(text(*column)));
            }
        }
        json!({
            "specversion": "1.0",
            "id": text(self.id),
            "source": "import",
            "type": Payment::TYPE,
            "time": text(self.occurred_at),
            "data": data,
        })
    }
}

/// Opens the file, unpacking it where it begins as gzip does (RFC 1952), with a bar that follows
/// the bytes read from it.
fn open(path: &Path) -> Result<(Box<dyn Read>, ProgressBar), Failure> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut file = File::open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(cannot)?;
    file.rewind().map_err(cannot)?;
    let progress = ProgressBar::new(length);
    let style = "{bar:40} {bytes}/{total_bytes} {msg} {elapsed_precise} (eta {eta})";
    progress.set_style(ProgressStyle::with_template(style)?);
    let counted = BufReader::new(progress.wrap_read(file));
    let reader: Box<dyn Read> = if start == [0x1f, 0x8b] {
        Box::new(MultiGzDecoder::new(counted))
    } else {
        Box::new(counted)
    };
    Ok((reader, progress))
}

fn default_rejects(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{name}.rejects.csv"))
}
