//! `tallystick reconcile separate` and `separation`: people end a match for good.

use super::Failure;
use crate::clock;
use crate::ids::{SeparationId, StaffId, StatementId};
use crate::partner::Registry;
use crate::reconcile::separations::{self, ComparedBy, SeparationOrder};
use crate::settings::Settings;
use crate::store::Db;

#[derive(Debug, clap::Args)]
pub struct SeparateArgs {
    statement: StatementId,
    /// The line of the file, as an editor numbers lines.
    line: i64,
    /// Why the line and its event do not belong together.
    #[arg(long)]
    reason: String,
    #[arg(long)]
    by: StaffId,
}

#[derive(Debug, clap::Args)]
pub struct SeparationArgs {
    id: SeparationId,
    /// End the match that another person proposed to end, and compare the month without the two.
    #[arg(long, conflicts_with = "reject")]
    approve: bool,
    /// Leave the match as it is: why.
    #[arg(long, value_name = "REASON", required_unless_present = "approve")]
    reject: Option<String>,
    #[arg(long)]
    by: StaffId,
}

/// # Errors
/// When the act is refused, or the database cannot be used.
pub fn separate(args: SeparateArgs, db: &mut Db) -> Result<bool, Failure> {
    let SeparateArgs { statement, line, reason, by } = args;
    let order = SeparationOrder { statement, line, reason };
    let kept = separations::propose(&by, db, order, clock::now())?;
    println!("{} waits for another person: line {line} and {}", kept.id, kept.event);
    Ok(true)
}

/// # Errors
/// When the act is refused, or the database cannot be used.
pub fn decide(args: SeparationArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let SeparationArgs { id, approve: _, reject, by } = args;
    match reject {
        Some(because) => {
            separations::reject(&by, db, id, because, clock::now())?;
            println!("{id} is rejected");
        }
        None => {
            let registry = Registry::load(&settings.partners)?;
            let compared = ComparedBy { registry: &registry, zone: settings.time_zone };
            let run = separations::approve(&by, db, id, &compared, clock::now())?;
            println!("{id} is approved, and the month compared again: run {}", run.number);
        }
    }
    Ok(true)
}
