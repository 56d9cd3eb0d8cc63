//! `tallystick partners`: check the folders of partners, and make keys for them.

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
    /// What changed in the partners' files, when, and what was refused.
    History(history::Args),
    /// Walk a partner's key through the guide in the sandbox, and look at what its software did there;
    /// exits 1 when a rule is broken.
    Conform(conform::Args),
    /// Make a key pair for a partner and say what goes where.
    Keygen(keygen::Args),
    /// Read phone numbers of a partner's staff, one a line, and print them as the manifest has them.
    StaffIndex,
    /// Make the PIN with which a shop signs in to its form.
    Pin(pin::Args),
    /// Write the page to print for a shop, with the code that opens its form.
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
