//! `tallystick ledger`: prove the books, seal them, print a trial balance or what customers are owed, write the
//! journal out.

mod cutoff;
mod evidence;
mod expiring;
mod export;
mod flagged;
mod liability;
mod outstanding;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::cutoff::CutoffArgs;
use super::Failure;
use crate::ledger::account::chart;
use crate::ledger::seal;
use crate::ledger::seal::check::Outside;
use crate::ledger::verify::verify_against;
use crate::ledger::{Account, Owner, Total, as_of};
use crate::secrets::key_source::KeySource;
use crate::secrets::keys::{Keys, TokenKeys};
use crate::settings::Settings;
use crate::store::{self, Db, accounts, seals};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The books of the partners on trial instead, where they have their own.
    #[arg(long, global = true)]
    sandbox: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Prove balances, sums, events, leads and seals; exits 1 and says where they do not add up.
    Verify(VerifyArgs),
    /// Seal what is not sealed yet; gateways do so by themselves.
    Seal,
    /// Print the newest signed head as a line of JSON, to be kept outside of the database.
    Heads(HeadsArgs),
    /// Print what a partner signed when it sent an event, to be checked without us.
    Evidence(evidence::Args),
    /// Print a trial balance, as of now or of a past moment.
    Accounts(AccountsArgs),
    /// Write the journal out for other programs: hledger, beancount, CSV or Parquet.
    Export(export::Args),
    /// Roll what customers are owed in points forward over a month, by partner.
    Liability(liability::Args),
    /// Print the points that customers hold, by age and time to expiry.
    Outstanding(outstanding::Args),
    /// Print whose points expire soon, for the notice in advance.
    Expiring(expiring::Args),
    /// Print the payments whose discount or waiver is not what was agreed.
    Flagged(flagged::Args),
}

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Lines that `ledger heads` has printed: does the chain still lead to each of them?
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct HeadsArgs {
    /// All heads from this block on, instead of the newest.
    #[arg(long, value_name = "POSITION")]
    from: Option<i64>,
}

#[derive(Debug, clap::Args)]
pub struct AccountsArgs {
    /// A line for each account as CSV (account, owner kind, owner, asset, balance).
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    cutoff: CutoffArgs,
}

/// # Errors
/// When the database cannot be read.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let mut db = store::open(settings.books_url(args.sandbox)?)?;
    match &args.command {
        Command::Verify(verify) => {
            let source = KeySource::from(settings);
            let there = source.is_there();
            let keys = there.then(|| Keys::from_source(&source)).transpose()?;
            let keys = keys.as_ref().map(|(keys, _made)| head_keys(keys, args.sandbox));
            print_proof(&mut db, keys, &source, verify.heads.as_deref())
        }
        Command::Seal => {
            let (keys, _made) = Keys::from_source(&KeySource::from(settings))?;
            println!("{} sealed", seal::seal_all(&mut db, head_keys(&keys, args.sandbox))?);
            Ok(true)
        }
        Command::Heads(args) => print_heads(&mut db, args.from),
        Command::Accounts(args) => {
            let all = match args.cutoff.read(settings)? {
                Some(cutoff) => as_of::totals(&mut db, cutoff)?,
                None => {
                    let kept = accounts::all(&mut db)?.into_iter();
                    kept.map(|(account, balance)| (account, balance.into())).collect()
                }
            };
            if args.csv {
                print_csv(&all)?
            } else {
                print_trial_balance(&all)
            }
            Ok(true)
        }
        Command::Evidence(args) => evidence::run(args, settings, &mut db),
        Command::Export(args) => export::run(args, settings, &mut db),
        Command::Liability(args) => liability::run(args, settings, &mut db),
        Command::Expiring(args) => expiring::run(args, settings, &mut db),
        Command::Flagged(args) => flagged::run(args, &mut db),
        Command::Outstanding(args) => outstanding::run(args, settings, &mut db),
    }
}

/// What signs the heads of these books.
const fn head_keys(keys: &Keys, sandbox: bool) -> &TokenKeys {
    if sandbox { &keys.sandbox } else { &keys.token }
}

fn print_proof(
    db: &mut Db,
    keys: Option<&TokenKeys>,
    source: &KeySource,
    heads: Option<&Path>,
) -> Result<bool, Failure> {
    let heads = heads.map(read_heads).transpose()?;
    if keys.is_none() {
        let place = source.to_string();
        if heads.is_some() {
            return Err(format!("heads are checked with {place}, which is not there").into());
        }
        println!("no keys at {place}: the signatures of heads are not checked");
    }
    let outside = Outside { key: keys, heads: heads.as_deref().unwrap_or_default() };
    let proof = verify_against(db, outside)?;
    let (counts, sealed) = (proof.counts, proof.sealed);
    println!(
        "examined {} events, {} transactions, {} entries, {} accounts",
        counts.events, counts.transactions, counts.entries, counts.accounts
    );
    println!(
        "{} transactions sealed in {} blocks, {} not yet; {} heads held against them",
        sealed.transactions,
        sealed.blocks,
        sealed.unsealed,
        outside.heads.len()
    );
    for finding in &proof.findings {
        println!("{}: {}: {}", finding.what, finding.place, finding.detail);
    }
    match proof.findings.len() {
        0 => println!("clean"),
        many => println!("{many} findings"),
    }
    Ok(proof.is_clean())
}

/// A line of what `ledger heads` prints.
#[derive(Serialize, Deserialize)]
struct HeadLine {
    position: i64,
    hash: String,
    head: String,
}

fn print_heads(db: &mut Db, from: Option<i64>) -> Result<bool, Failure> {
    let Some(last) = seals::last_block(db)? else { return Ok(true) };
    let mut from = from.unwrap_or(last.block.position);
    loop {
        let blocks = seals::blocks_from(db, from, 1_000)?;
        let Some(newest) = blocks.last() else { return Ok(true) };
        from = newest.block.position.saturating_add(1);
        for stored in blocks {
            let (position, hash) = (stored.block.position, stored.hash.to_string());
            let line = HeadLine { position, hash, head: stored.head };
            println!("{}", serde_json::to_string(&line)?);
        }
    }
}

fn read_heads(path: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = (1_usize..).zip(text.lines()).filter(|(_number, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let line: HeadLine = serde_json::from_str(line)
                .map_err(|error| format!("{} line {number}: {error}", path.display()))?;
            Ok(line.head)
        })
        .collect()
}

fn print_csv(all: &[(Account, Total)]) -> Result<(), Failure> {
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["account", "owner_kind", "owner", "asset", "balance"])?;
    for (account, balance) in all {
        let owner = account.owner.name();
        let (kind, asset) = (account.owner.kind(), account.asset.code());
        out.write_record([account.code.name(), kind, &owner, asset, &balance.to_string()])?;
    }
    out.flush()?;
    Ok(())
}

/// One line for each account of the bank and of partners, one for all customers' together, and
/// the proof that each asset sums to zero.
fn print_trial_balance(all: &[(Account, Total)]) {
    println!("{:<20} {:<16} {:>16}  ", "account", "owner", "balance");
    let mut sums: BTreeMap<&str, Total> = BTreeMap::new();
    for line in chart() {
        let mut customers: Option<(usize, Total)> = None;
        for (account, balance) in all.iter().filter(|(it, _)| it.code.name() == line.code) {
            let zero = Total::zero(account.asset);
            let sum = sums.entry(account.asset.code()).or_insert(zero);
            *sum = sum.plus(*balance);
            if let Owner::Customer(_) = account.owner {
                let (count, total) = customers.unwrap_or((0, zero));
                customers = Some((count.saturating_add(1), total.plus(*balance)));
                continue;
            }
            let owner = account.owner.name();
            println!("{:<20} {owner:<16} {balance:>16} {}", line.code, line.asset);
        }
        if let Some((count, total)) = customers {
            let owner = format!("{count} customers");
            println!("{:<20} {owner:<16} {total:>16} {}", line.code, line.asset);
        }
    }
    for (asset, sum) in sums {
        println!("{:<20} {:<16} {sum:>16} {asset}", "sum", "");
    }
}
