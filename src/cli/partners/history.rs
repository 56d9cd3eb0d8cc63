//! `tallystick partners history`: every change of a partner's manifest, and of the programme.

use super::super::Failure;
use crate::ids::PartnerId;
use crate::settings::Settings;
use crate::store::{self, partners};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this partner's [default: all, and the programme].
    partner: Option<PartnerId>,
    /// Print the whole text of one change instead: its number.
    #[arg(long, requires = "partner")]
    text: Option<i64>,
}

/// # Errors
/// When the database cannot be read, or there is no such change.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let mut db = store::open(&settings.database_url)?;
    let file = args.partner.as_ref().map(|partner| format!("{partner}/partner.toml"));
    let changes = partners::history(&mut db, file.as_deref())?;
    if let Some(number) = args.text {
        let change = changes.into_iter().find(|change| change.number == number);
        let content = change.ok_or("no change of that number")?.content;
        print!("{}", content.ok_or("the file was taken away: it has no text")?);
        return Ok(true);
    }
    for change in changes {
        let what = match (&change.content, change.reasons.is_empty()) {
            (_, false) => "refused",
            (None, true) => "removed",
            (Some(_), true) if change.number == 1 => "new",
            (Some(_), true) => "changed",
        };
        let status = change.status.map_or_else(String::new, |status| format!(" · {status}"));
        let moment = change.recorded_at;
        println!("{moment}  {} #{} {what}{status} · {}", change.file, change.number, change.cause);
        if !change.reasons.is_empty() {
            println!("    {}", change.reasons);
        }
    }
    Ok(true)
}
