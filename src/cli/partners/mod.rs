//! `tallystick partners`: checks the folders of partners, and makes keys, PINs and posters for them.

mod check;
pub mod conform;
mod history;
pub mod keygen;
mod pin;
mod poster;
mod staff_index;

use std::path::PathBuf;

use super::Failure;
use crate::settings::Settings;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read every manifest and run every example; exits 1 when something is not in order.
    Check(CheckArgs),
    /// Show what changed in the partners' files, when, and what was refused.
    History(history::Args),
    /// Take a partner's key through the guide in the sandbox, and examine what its software did
    /// there; exits 1 when a rule is broken.
    Conform(conform::Args),
    /// Make a key pair for a partner, and say where each half goes.
    Keygen(keygen::Args),
    /// Read phone numbers of a partner's staff, one a line, and print their hashes for the manifest.
    StaffIndex,
    /// Make the PIN with which a shop signs in to its form.
    Pin(pin::Args),
    /// Write the page for a shop to print, with the code that opens its form.
    Poster(poster::Args),
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The folder of partners [default: the setting `partners`].
    #[arg(long)]
    partners: Option<PathBuf>,
}

/// # Errors
/// When the folder cannot be read or a file cannot be written.
pub async fn run(command: Command, settings: &Settings) -> Result<bool, Failure> {
    match command {
        Command::Check(args) => {
            check::run(&args.partners.unwrap_or_else(|| settings.partners.clone()), settings)
        }
        Command::Conform(args) => conform::run(args, settings).await,
        Command::History(args) => history::run(&args, settings),
        Command::Keygen(args) => keygen::run(&args, settings),
        Command::StaffIndex => staff_index::run(settings),
        Command::Pin(args) => pin::run(&args, settings),
        Command::Poster(args) => poster::run(&args, settings),
    }
}
