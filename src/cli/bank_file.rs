//! `tallystick reconcile bank` and `payout-state`: what the bank answers comes in, and where a payout stands.

use std::path::PathBuf;

use super::Failure;
use crate::app::Core;
use crate::ids::{PartnerId, StaffId};
use crate::reconcile::bank_files;
use crate::reconcile::payouts;
use crate::reconcile::period::Period;
use crate::settings::Settings;
use crate::store::Db;

#[derive(Debug, clap::Args)]
pub struct BankArgs {
    file: PathBuf,
    /// Who takes it in.
    #[arg(long)]
    by: StaffId,
}

#[derive(Debug, clap::Args)]
pub struct MonthArgs {
    #[arg(long)]
    partner: PartnerId,
    /// The month, such as 2026-10.
    #[arg(long)]
    period: Period,
}

pub async fn bank(args: BankArgs, settings: &Settings) -> Result<bool, Failure> {
    let read = bank_files::read(&std::fs::read(&args.file)?)?;
    let core = Core::start(settings)?;
    let books = core.all_books().next().cloned().ok_or("there are no books")?;
    let done = bank_files::import(&args.by, &books, read).await;
    drop(books);
    core.stop().await;
    let done = done?;
    let word = if done.is_before { "the same file came before" } else { "taken in" };
    println!("{word}: {} {}, {} payments", done.kind.name(), done.message_id, done.entries);
    for (outcome, count) in &done.outcomes {
        println!("{outcome}: {count}");
    }
    for id in &done.breaks {
        println!("break {id}");
    }
    Ok(true)
}

pub fn state(args: MonthArgs, db: &mut Db) -> Result<bool, Failure> {
    let Some(found) = payouts::history(db, &args.partner, args.period)? else {
        println!("no order to pay this month was given out");
        return Ok(false);
    };
    println!("{} {}", found.payout.amount, found.payout.state.name());
    for step in &found.moves {
        let code = step.reason.code.as_deref().unwrap_or_default();
        let text = step.reason.text.as_deref().unwrap_or_default();
        println!("{} {} by {} {code} {text}", step.at, step.state.name(), step.by);
    }
    Ok(true)
}
