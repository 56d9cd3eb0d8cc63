//! `tallystick demo`: plays a day of three partners, and the close of a month, against a gateway and a real CRM, which it
//! starts.
//! The report is written for people, and every number in it is checked.

mod bank;
mod left_open;
mod month;
mod partner;
mod play;
mod report;
mod spend;
mod stage;
pub mod tryton;

use std::path::PathBuf;

use super::Failure;
use super::serve::until_told_to_stop;
use crate::settings::Settings;
use stage::Stage;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stop after the report; status 0 only if every number in it was checked and held.
    #[arg(long)]
    once: bool,
    /// Where Tryton is installed (`make tools`).
    #[arg(long, default_value = ".tools/venv", value_name = "FOLDER")]
    crm_venv: PathBuf,
    /// Where a prepared CRM database is kept from demo to demo.
    #[arg(long, default_value = ".tools/tryton", value_name = "FOLDER")]
    crm_template: PathBuf,
    /// The demo's own folder: emptied at every start.
    #[arg(long, default_value = ".demo", value_name = "FOLDER")]
    folder: PathBuf,
    /// The gateway's port; 0 picks a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// Plays the day and prints the report; then serves until told to stop, unless `--once`.
/// `Ok(false)` when a number of the report did not hold.
///
/// # Errors
/// When the stage cannot be set or the play breaks off.
pub async fn run(args: Args, mut settings: Settings) -> Result<bool, Failure> {
    // A person reads this: the log is for those who ask for it.
    if settings.log.level == "info" {
        settings.log.level = "error".to_owned();
    }
    let telemetry = crate::telemetry::start(&settings)?;
    let stage = stage::set(&args, settings).await?;
    let played = play::play(&stage).await?;
    let mut checks = report::report(&stage, &played).await?;
    month::settle(&stage, &played, &mut checks).await?;
    let held = checks.print();
    if !args.once {
        left_open::leave(&stage, &played).await?;
        print_urls(&stage);
        until_told_to_stop().await?;
    }
    stage.app.stop().await;
    telemetry.stop().await;
    Ok(held)
}

fn print_urls(stage: &Stage) {
    println!("Look around, and stop with Ctrl-C:");
    println!(
        "  console   {}/console  (sign in by a button; each list has something to decide)",
        stage.url
    );
    println!("  wallet    {}/local-provider/app  (as the bank's app would open it)", stage.url);
    println!("  gateway   {}/readyz", stage.url);
    println!("  metadata  {}/.well-known/oauth-authorization-server", stage.url);
    println!("  CRM       {}  (database crm, user admin)", stage.crm.url());
    println!("  a customer's points:");
    println!(
        "    curl -H 'Authorization: Bearer {}' {}/v1/customers/me/points",
        stage.customer_token, stage.url
    );
    println!("The same on PostgreSQL (it uses a schema of its own, tallystick_demo):");
    println!("  DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE make demo");
}
