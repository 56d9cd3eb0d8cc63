//! `tallystick program`: runs the programme's due work at once, and simulates other rules.

mod simulate;

use super::Failure;
use crate::app::Core;
use crate::due;
use crate::settings::Settings;
use crate::task::Round;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Record all points that have matured or expired by now. The gateway does the same by itself;
    /// running both does nothing twice.
    Due,
    /// Decide on what is recorded again, by changed rules, and print the difference; writes nothing.
    Simulate(simulate::Args),
}

/// # Errors
/// When the database cannot be read or written.
pub async fn run(command: Command, settings: Settings) -> Result<bool, Failure> {
    match command {
        Command::Simulate(args) => simulate::run(&args, &settings),
        Command::Due => {
            let core = Core::start(&settings)?;
            let mut customers = 0_usize;
            for books in core.all_books() {
                loop {
                    let progress = due::round(&books.pool, &books.writer, &core.registry).await?;
                    customers = customers.saturating_add(progress.found);
                    if progress.round() != Round::More {
                        break;
                    }
                }
            }
            core.stop().await;
            println!("recorded what had fallen due for {customers} customers");
            Ok(true)
        }
    }
}
