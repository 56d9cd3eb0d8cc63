//! The settlement statement of a month: printed or written as a file, and checked offline.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::Failure;
use crate::ids::PartnerId;
use crate::jwt;
use crate::reconcile::closing;
use crate::reconcile::period::Period;
use crate::reconcile::run_order::RunOrder;
use crate::reconcile::statement_check::{FileEntry, FileReceipt, STATEMENT_TYPE, StatementCheck};
use crate::reconcile::statement_export::{Maker, StatementFormat, export};
use crate::reconcile::statement_lines::KeptStatement;
use crate::secrets::key_source::KeySource;
use crate::secrets::keys::Keys;
use crate::settings::Settings;
use crate::store::Db;

#[derive(Debug, clap::Args)]
pub struct SettlementArgs {
    #[arg(long)]
    partner: PartnerId,
    /// The month, such as 2026-10.
    #[arg(long)]
    period: Period,
    /// signed, csv, xlsx or pdf [default: the statement as JSON, without its entries]
    #[arg(long, value_parser = format)]
    format: Option<StatementFormat>,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// A signed statement with its entries: `settlement --format signed`, or the partner's `file?format=signed`.
    statement: PathBuf,
    /// The bank's public keys: its /.well-known/jwks.json [default: the keys of the settings]
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Receipts, one a line: as they were answered, or signed.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    receipts: Vec<PathBuf>,
}

/// Prints a statement, or writes it as a file.
///
/// # Errors
/// When there is none, or it cannot be written.
pub fn settlement(args: SettlementArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let SettlementArgs { partner, period, format, out } = args;
    let order = RunOrder { partner, period, zone: settings.time_zone };
    let settlement = closing::read(db, &order)?;
    let mut to: Box<dyn Write> = match &out {
        Some(path) => Box::new(BufWriter::new(File::create(path)?)),
        None => Box::new(std::io::stdout().lock()),
    };
    match format {
        None => writeln!(to, "{}", settlement.content)?,
        Some(format) => {
            let keys = own_keys(settings)?;
            let maker =
                Maker { keys: &keys.token, zone: settings.time_zone, entries_max: u64::MAX };
            export(db, &settlement, format, &maker, &mut to)?;
        }
    }
    to.flush()?;
    Ok(true)
}

fn own_keys(settings: &Settings) -> Result<Keys, Failure> {
    Ok(match KeySource::from(settings) {
        KeySource::File(path) => Keys::load(&path)?,
        source @ (KeySource::Env(_) | KeySource::Command { .. }) => Keys::from_source(&source)?.0,
    })
}

/// The first line of a signed file.
#[derive(Deserialize)]
struct Head {
    statement: String,
}

#[derive(Deserialize)]
struct KeyList {
    keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct PublicKey {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
}

/// The public keys that a signature may be by.
struct Signers(Vec<PublicKey>);

impl Signers {
    fn read(path: Option<&Path>, settings: &Settings) -> Result<Self, Failure> {
        if let Some(path) = path {
            let list: KeyList = serde_json::from_slice(&std::fs::read(path)?)?;
            return Ok(Self(list.keys));
        }
        let own = own_keys(settings)?.token.all();
        let own = own.iter().map(|key| PublicKey {
            kid: key.kid.clone(),
            crv: "Ed25519".to_owned(),
            x: key.public_x.clone(),
        });
        Ok(Self(own.collect()))
    }

    /// What was signed, if one of the keys has signed it as that type.
    fn open<T: serde::de::DeserializeOwned>(&self, token: &str, typ: &str) -> Result<T, String> {
        let header = jwt::header(token, &[typ]).map_err(|error| error.to_string())?;
        let kid = header.kid.unwrap_or_default();
        if typ == STATEMENT_TYPE && kid.starts_with("sandbox-") {
            return Err(format!("{kid} is a key of the sandbox, which settles nothing"));
        }
        let key = self.0.iter().find(|key| key.kid == kid && key.crv == "Ed25519");
        let key = key.ok_or_else(|| format!("no key {kid} is among the public keys"))?;
        let key = DecodingKey::from_ed_components(&key.x).map_err(|error| error.to_string())?;
        jwt::open(token, Algorithm::EdDSA, &key).map_err(|error| error.to_string())
    }
}

const RECEIPT_TYPE: &str = "receipt+jws";

/// Checks a signed statement without the database, and prints what came of it.
///
/// # Errors
/// When a file cannot be read.
pub fn verify(args: VerifyArgs, settings: &Settings) -> Result<bool, Failure> {
    let VerifyArgs { statement: path, jwks, receipts } = args;
    let signers = Signers::read(jwks.as_deref(), settings)?;
    let mut lines = BufReader::new(File::open(&path)?).lines();
    let head = lines.next().ok_or("the file is empty")??;
    let head: Head = serde_json::from_str(&head)
        .map_err(|_other| "the first line is no signed statement: `settlement --format signed`")?;
    let statement: KeptStatement = match signers.open(&head.statement, STATEMENT_TYPE) {
        Ok(statement) => statement,
        Err(why) => {
            println!("FAULT  the signature does not hold: {why}");
            return Ok(false);
        }
    };
    println!("signature good: {} of {}", statement.statement_no, statement.partner);
    let payee = statement.payee.as_ref();
    let payee = payee.map_or_else(String::new, |it| format!(" to {} ({})", it.number, it.holder));
    println!("payout {} {}{payee}", statement.payout, statement.currency);
    if let Some(before) = &statement.before {
        println!("after {} with the SHA-256 {}", before.statement_no, before.sha256);
    }
    let period = Period::try_from(statement.period.as_str())?;
    let span = period.span(settings.time_zone);
    let mut check = StatementCheck::new(statement, span.until);
    for line in lines {
        check.entry(serde_json::from_str::<FileEntry>(&line?)?)?;
    }
    for path in &receipts {
        for line in BufReader::new(File::open(path)?).lines() {
            let line = line?;
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let receipt: FileReceipt = match line.starts_with('{') {
                true => serde_json::from_str(line)?,
                false => signers.open(line, RECEIPT_TYPE)?,
            };
            check.receipt(&receipt)?;
        }
    }
    let report = check.finish(!receipts.is_empty())?;
    println!("{} entries", report.entries);
    if !receipts.is_empty() {
        println!("{} receipts of it are at hand and say the same", report.receipts);
        for (kind, count) in &report.without {
            println!("{count} receipts of {kind} are not at hand");
        }
    }
    for fault in &report.faults {
        println!("FAULT  {fault}");
    }
    if report.faults.is_empty() {
        println!("the lines sum to zero, and are the sums of their entries");
    }
    Ok(report.faults.is_empty())
}

fn format(name: &str) -> Result<StatementFormat, String> {
    let names = StatementFormat::ALL.map(StatementFormat::name).join(", ");
    StatementFormat::by_name(name).ok_or_else(|| format!("expected {names}"))
}
