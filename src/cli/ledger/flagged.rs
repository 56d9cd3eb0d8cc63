//! `tallystick ledger flagged`: payments whose discount or waiver is not what was agreed.

use serde::Deserialize;

use crate::cli::Failure;
use crate::ids::PartnerId;
use crate::spreadsheet;
use crate::store::{Db, flagged_payments};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only payments of this partner.
    #[arg(long)]
    partner: Option<PartnerId>,
}

const ROWS_AT_ONCE: i64 = 500;

/// The part of a receipt that says why its payment is flagged.
#[derive(Deserialize)]
struct Receipt {
    partner: String,
    event: String,
    effective_at: String,
    recorded_at: String,
    marks: Vec<String>,
    explanation: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
    says: String,
}

/// Prints a line of CSV for each flagged payment, in the order of recording.
///
/// # Errors
/// When the books cannot be read.
pub fn run(args: &Args, db: &mut Db) -> Result<bool, Failure> {
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["partner", "event", "effective_at", "recorded_at", "marks", "why"])?;
    let mut after = None;
    loop {
        let page = flagged_payments::page(db, args.partner.as_ref(), after, ROWS_AT_ONCE)?;
        let Some(last) = page.last() else { break };
        after = Some((last.recorded_at, last.key));
        for flagged in &page {
            let receipt: Receipt = serde_json::from_str(&flagged.receipt)?;
            let why = receipt.explanation.iter().filter(|it| receipt.marks.contains(&it.reason));
            let why: Vec<&str> = why.map(|it| it.says.as_str()).collect();
            let (marks, why) = (receipt.marks.join(" "), why.join(" "));
            let Receipt { partner, event, effective_at, recorded_at, .. } = receipt;
            let event = spreadsheet::cell(&event).into_owned();
            out.write_record([partner, event, effective_at, recorded_at, marks, why])?;
        }
    }
    out.flush()?;
    Ok(true)
}
