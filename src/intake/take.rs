use std::io::Read;
use std::sync::Arc;

use chrono::TimeDelta;
use csv::StringRecord;

use super::charset::Charset;
use super::error::IntakeError;
use super::job::{Undone, Worker};
use super::lines::{Line, Lines, Reading};
use super::record::{is_ours, may_pass, record, submissions};
use super::rejects::Rejects;
use super::scan::scan;
use super::stored_file::part_key;
use super::unpack::unpack;
use crate::clock;
use crate::ids::{ImportId, LeaseId, PartnerId};
use crate::partner::Partner;
use crate::partner::lifecycle::Status;
use crate::partner::scope::Scope;
use crate::program::Judging;
use crate::store::imports::{self, Import, Progress};
use crate::writer::WriteError;

/// Lines handed to the writer at once. The writer serves partners in turn by such groups.
const LINES_AT_ONCE: usize = 200;
/// How long rejected lines can be fetched.
const REJECTS_KEPT: TimeDelta = TimeDelta::days(30);

type FileLines = Lines<Box<dyn Read + Send>>;

/// A file that is being taken in.
struct Open {
    id: ImportId,
    lease: LeaseId,
    /// The partner by whose manifest the columns were found.
    opened_for: Arc<Partner>,
    header: StringRecord,
    progress: imports::Lines,
}

impl Worker {
    /// Takes a file in, from where it stands.
    pub(super) async fn take_in(
        self: Arc<Self>,
        import: Import,
        lease: LeaseId,
    ) -> Result<(), Undone> {
        let id = import.partner.clone();
        self.partner(&id)?;
        let charset = match &import.charset {
            Some(known) => Charset::by_name(known),
            None => Arc::clone(&self).look_through(import.clone(), lease).await?,
        };
        // The file came before: nothing is left to do.
        let Some(charset) = charset else { return Ok(()) };
        let (mut lines, mut open) = Arc::clone(&self).open(import, lease, charset).await?;
        loop {
            if self.stop.is_requested() {
                return Err(Undone::Stopping);
            }
            let (rest, group) = Arc::clone(&self).store(move |_worker| read_group(lines)).await?;
            if group.is_empty() {
                return Ok(());
            }
            lines = rest;
            let partner = self.partner(&id)?;
            if partner.payments_file != open.opened_for.payments_file {
                return Err(Undone::Remapped);
            }
            let rejects = self.record(&partner, group, &mut open).await?;
            let noted;
            (noted, open) = Arc::clone(&self)
                .store(move |worker| Ok::<_, Undone>((worker.note(&open, &rejects)?, open)))
                .await?;
            if !noted {
                return Err(Undone::Lost);
            }
        }
    }

    /// The partner as it is listed now. Asked for each group of lines: a partner that is suspended,
    /// or loses its scope, is stopped within seconds, however long its file is.
    fn partner(&self, id: &PartnerId) -> Result<Arc<Partner>, Undone> {
        let failed = |why: &str| Undone::Failed(why.to_owned());
        let registry = &self.settings.registry;
        let partner =
            registry.get(id).ok_or_else(|| failed("the partner is not known any more"))?;
        match partner.status {
            Status::Suspended => return Err(Undone::Suspended),
            Status::Closed => return Err(failed("the partner is closed")),
            _ => {}
        }
        if !partner.access.scopes.contains(&Scope::FilesWrite) {
            return Err(failed("the partner has no scope files:write any more"));
        }
        let belongs = !registry.has_separate_sandbox()
            || partner.status.is_trial() == self.settings.in_sandbox;
        if !belongs {
            return Err(failed(
                "the partner changed between trial and real business: upload the file again",
            ));
        }
        Ok(partner)
    }

    /// Reads the whole file once, and notes what it is; `None` if it came before.
    async fn look_through(
        self: Arc<Self>,
        import: Import,
        lease: LeaseId,
    ) -> Result<Option<Charset>, Undone> {
        self.store(move |worker| {
            let declared = import.declared_charset.as_deref().and_then(Charset::by_name);
            let found = scan(worker.file(&import), worker.settings.bytes_max, declared)?;
            if import.declared_sha256.as_ref().is_some_and(|hash| *hash != found.sha256) {
                let why = "the file's SHA-256 is not the one that was declared";
                return Err(Undone::Failed(why.to_owned()));
            }
            let claim = worker.hold(lease);
            let pool = &worker.settings.pool;
            let first =
                pool.with(|db| db.write(|tx| imports::scanned(tx, &import, &found, &claim)))?;
            Ok(if first.is_some() { None } else { Charset::by_name(found.charset) })
        })
        .await
    }

    /// Opens the file, and passes over the lines that are done.
    async fn open(
        self: Arc<Self>,
        import: Import,
        lease: LeaseId,
        charset: Charset,
    ) -> Result<(FileLines, Open), Undone> {
        self.store(move |worker| {
            let partner = worker.partner(&import.partner)?;
            let (reader, _packed) = unpack(worker.file(&import)).map_err(IntakeError::from)?;
            let reading = Reading {
                bytes_max: worker.settings.bytes_max,
                charset,
                partner: &partner,
                key: worker.settings.fingerprint.clone(),
            };
            let mut lines = FileLines::open(reader, reading)?;
            lines.skip(u64::try_from(import.lines.read).unwrap_or(0))?;
            let (header, progress) = (lines.header().clone(), import.lines);
            let open = Open { id: import.id, lease, opened_for: partner, header, progress };
            Ok((lines, open))
        })
        .await
    }

    /// Hands a group to the writer, and counts what became of its lines. Returns those that were not
    /// taken.
    async fn record(
        &self,
        partner: &Arc<Partner>,
        group: Vec<Line>,
        open: &mut Open,
    ) -> Result<Rejects, Undone> {
        let good = group.iter().filter_map(|line| line.read.as_ref().ok());
        let answers =
            record(&self.settings.writer, submissions(partner, good, Judging::InForce)).await;
        let mut answers = answers.into_iter();
        let mut rejects = Rejects::of(&open.header);
        let progress = &mut open.progress;
        let one_more = |count: &mut i64| *count = count.saturating_add(1);
        let unwritten = |error: csv::Error| Undone::Failed(error.to_string());
        for line in &group {
            let answer = match &line.read {
                Ok(_event) => Ok(answers.next().unwrap_or(Err(WriteError::Stopped))),
                Err(reason) => Err(reason),
            };
            match answer {
                Ok(Ok(outcome)) if outcome.replayed => one_more(&mut progress.recorded_before),
                Ok(Ok(_outcome)) => one_more(&mut progress.recorded),
                Ok(Err(error)) if is_ours(&error) => return Err(error.into()),
                Ok(Err(error)) => {
                    one_more(&mut progress.rejected);
                    if may_pass(&error) {
                        one_more(&mut progress.rejected_for_now);
                    }
                    rejects.add(line, &error.to_string()).map_err(unwritten)?;
                }
                Err(reason) => {
                    one_more(&mut progress.rejected);
                    rejects.add(line, reason).map_err(unwritten)?;
                }
            }
            one_more(&mut progress.read);
        }
        Ok(rejects)
    }

    /// Notes the progress of the file and its rejected lines; `false` if the lease is another's.
    fn note(&self, open: &Open, rejects: &Rejects) -> Result<bool, Undone> {
        let seal = |place: i64, csv: &[u8]| {
            self.settings.keys.seal(part_key(open.id, "rejects", place).bytes(), csv)
        };
        let csv = rejects.csv();
        let sealed = if csv.is_empty() {
            None
        } else {
            let header = Rejects::header(&open.header);
            let header = header.map_err(|error| Undone::Failed(error.to_string()))?;
            Some((seal(imports::HEADER_PLACE, &header)?, seal(open.progress.read, csv)?))
        };
        let expires_at = clock::now().plus(REJECTS_KEPT);
        let rejects =
            sealed.as_ref().map(|(header, sealed)| imports::Rejects { header, sealed, expires_at });
        let (done, claim) = (Progress { lines: open.progress, rejects }, self.hold(open.lease));
        let pool = &self.settings.pool;
        Ok(pool.with(|db| db.write(|tx| imports::progress(tx, open.id, &done, &claim)))?)
    }
}

fn read_group(mut lines: FileLines) -> Result<(FileLines, Vec<Line>), Undone> {
    let mut group = Vec::with_capacity(LINES_AT_ONCE);
    while group.len() < LINES_AT_ONCE {
        match lines.next_line()? {
            Some(line) => group.push(line),
            None => break,
        }
    }
    Ok((lines, group))
}
