//! The commands, one file each. They print for people; the work is done in other rooms.

mod bank_file;
mod bulk_breaks;
pub mod crm;
pub mod demo;
mod failure;
pub mod import;
pub mod keys;
pub mod ledger;
pub mod migrate;
pub mod outbox;
pub mod partners;
pub mod program;
pub mod reconcile;
mod reconcile_statement;
mod separations;
pub mod serve;
pub mod token_keys;

pub use failure::Failure;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// Partner-integration gateway and loyalty ledger.
#[derive(Debug, Parser)]
#[command(name = "tallystick", version, about)]
pub struct Cli {
    /// Settings file (TOML); the environment (DATABASE_URL, TALLYSTICK_…) overrides it.
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gateway.
    Serve(serve::Args),
    /// Bring the database up to date.
    Migrate(migrate::Args),
    /// Play a day of three partners against a gateway and a CRM started for it.
    Demo(demo::Args),
    /// Show what the CRM gets.
    #[command(subcommand)]
    Crm(crm::Command),
    /// Take in a partner's file.
    #[command(subcommand)]
    Import(import::Command),
    /// Check the folders of partners, or make a key for one.
    #[command(subcommand)]
    Partners(partners::Command),
    /// Run at once what the loyalty programme does by itself, or simulate other rules.
    #[command(subcommand)]
    Program(program::Command),
    /// Hold partners' statements against our books, and decide on what differs.
    #[command(subcommand)]
    Reconcile(reconcile::Command),
    /// See and rotate the keys of personal data.
    #[command(subcommand)]
    Keys(keys::Command),
    /// List waiting messages and dead letters, and replay dead letters.
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Read, verify and export the ledger.
    Ledger(ledger::Args),
    /// Change the keys that sign access tokens, receipts and heads.
    #[command(subcommand)]
    TokenKeys(token_keys::Command),
}

/// Runs the command. `Ok(false)`: the command ran, and found something that is not in order.
///
/// # Errors
/// [`Failure`] with what to do about it.
pub async fn run(cli: Cli) -> Result<bool, Failure> {
    let settings = Settings::load(cli.settings.as_deref())?;
    let telemetry = match cli.command {
        Command::Demo(_) => None,
        _ => Some(crate::telemetry::start(&settings)?),
    };
    let done = Box::pin(run_command(cli.command, settings)).await;
    if let Some(telemetry) = telemetry {
        telemetry.stop().await;
    }
    done
}

async fn run_command(command: Command, settings: Settings) -> Result<bool, Failure> {
    match command {
        Command::Serve(args) => Box::pin(serve::run(args, settings)).await,
        Command::Migrate(args) => migrate::run(&args, &settings),
        Command::Demo(args) => Box::pin(demo::run(args, settings)).await,
        Command::Crm(command) => crm::run(&command, &settings),
        Command::Import(command) => Box::pin(import::run(command, settings)).await,
        Command::Partners(command) => Box::pin(partners::run(command, &settings)).await,
        Command::Program(command) => program::run(command, settings).await,
        Command::Reconcile(command) => Box::pin(reconcile::run(command, &settings)).await,
        Command::Keys(command) => keys::run(&command, &settings),
        Command::Outbox(command) => outbox::run(&command, &settings),
        Command::Ledger(args) => ledger::run(&args, &settings),
        Command::TokenKeys(command) => token_keys::run(&command, &settings),
    }
}
