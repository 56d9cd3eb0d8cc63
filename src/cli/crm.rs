//! `tallystick crm preview`: shows what the CRM would get, without sending anything.

use std::path::PathBuf;

use super::Failure;
use crate::crm::{load_mapping, sample};
use crate::settings::Settings;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check the mapping and show what it makes of a masked sample lead.
    Preview(Preview),
}

#[derive(Debug, clap::Args)]
pub struct Preview {
    /// A mapping file [default: that of the settings, or the built-in one].
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
}

/// # Errors
/// When there is no CRM in the settings, or the mapping cannot be used.
pub fn run(command: &Command, settings: &Settings) -> Result<bool, Failure> {
    let Command::Preview(args) = command;
    let crm =
        settings.crm.as_ref().ok_or("no CRM in the settings: set crm.kind and what it needs")?;
    let own = args.mapping.as_deref().or(settings.crm_mapping.as_deref());
    let mapping = load_mapping(crm, own)?;
    let lead = sample().ok_or("the sample lead cannot be made")?;
    println!("mapping {}", mapping.version());
    println!("{}", serde_json::to_string_pretty(&mapping.apply(&lead))?);
    println!("when consent is withdrawn");
    println!("{}", serde_json::to_string_pretty(mapping.withdrawal())?);
    Ok(true)
}
