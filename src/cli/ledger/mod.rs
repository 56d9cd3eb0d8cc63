//! `tallystick ledger`: prove the books, print a trial balance or what customers are owed, write the
//! journal out.

mod cutoff;
mod export;
mod liability;
mod outstanding;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use self::cutoff::CutoffArgs;
use super::Failure;
use crate::ledger::account::chart;
use crate::ledger::verify::verify;
use crate::ledger::{Account, Owner, as_of};
use crate::money::Amount;
use crate::settings::Settings;
use crate::store::{self, accounts};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Prove balances, sums, events and leads; exits 1 and says where when they do not add up.
    Verify,
    /// Print a trial balance, as of now or of a past moment.
    Accounts(AccountsArgs),
    /// Write the journal out for other programs: hledger, beancount, CSV or Parquet.
    Export(export::Args),
    /// Roll what customers are owed in points forward over a month, by partner.
    Liability(liability::Args),
    /// Print the points that customers hold, by age and time to expiry.
    Outstanding(outstanding::Args),
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
pub fn run(command: &Command, settings: &Settings) -> Result<bool, Failure> {
    let mut db = store::open(&settings.database_url)?;
    match command {
        Command::Verify => {
            let proof = verify(&mut db)?;
            let counts = proof.counts;
            println!(
                "examined {} events, {} transactions, {} entries, {} accounts",
                counts.events, counts.transactions, counts.entries, counts.accounts
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
        Command::Accounts(args) => {
            let all = match args.cutoff.read(settings)? {
                Some(cutoff) => as_of::balances(&mut db, cutoff)?,
                None => accounts::all(&mut db)?,
            };
            if args.csv {
                print_csv(&all)?
            } else {
                print_trial_balance(&all)
            }
            Ok(true)
        }
        Command::Export(args) => export::run(args, settings, &mut db),
        Command::Liability(args) => liability::run(args, settings, &mut db),
        Command::Outstanding(args) => outstanding::run(args, settings, &mut db),
    }
}

fn print_csv(all: &[(Account, Amount)]) -> Result<(), Failure> {
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
fn print_trial_balance(all: &[(Account, Amount)]) {
    println!("{:<20} {:<16} {:>16}  ", "account", "owner", "balance");
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for line in chart() {
        let mut customers = (0_usize, Decimal::ZERO);
        for (account, balance) in all.iter().filter(|(it, _)| it.code.name() == line.code) {
            let sum = sums.entry(account.asset.code()).or_default();
            *sum = sum.saturating_add(balance.decimal());
            if let Owner::Customer(_) = account.owner {
                customers.0 = customers.0.saturating_add(1);
                customers.1 = customers.1.saturating_add(balance.decimal());
                continue;
            }
            let owner = account.owner.name();
            println!("{:<20} {owner:<16} {balance:>16} {}", line.code, line.asset);
        }
        if customers.0 > 0 {
            let owner = format!("{} customers", customers.0);
            println!("{:<20} {owner:<16} {:>16} {}", line.code, customers.1, line.asset);
        }
    }
    for (asset, sum) in sums {
        println!("{:<20} {:<16} {sum:>16} {asset}", "sum", "");
    }
}
