//! `tallystick migrate`: brings the database up to date.

use super::Failure;
use crate::settings::Settings;
use crate::store;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Give this PostgreSQL role what a gateway needs, and no right to change history.
    #[arg(long, value_name = "ROLE")]
    grant: Option<String>,
}

/// Applies the migrations that the database lacks.
///
/// # Errors
/// When the database cannot be opened or a migration fails; those before it stay applied.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let mut db = store::open(&settings.database_url)?;
    let applied = store::migrate(&mut db)?;
    for name in &applied {
        println!("applied {name}");
    }
    println!("{}: {} applied, up to date", settings.database_url, applied.len());
    if let Some(role) = &args.grant {
        store::grant(&mut db, role)?;
        println!("{role} may do what a gateway does, and no more");
    }
    Ok(true)
}
