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

/// Applies the migrations that the databases lack.
///
/// # Errors
/// When the database cannot be opened or a migration fails. The migrations before it stay applied.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let sandbox = settings.sandbox.as_ref().map(|sandbox| &sandbox.database_url);
    for url in std::iter::once(&settings.database_url).chain(sandbox) {
        let mut db = store::open(url)?;
        let applied = store::migrate(&mut db)?;
        for name in &applied {
            println!("applied {name}");
        }
        println!("{url}: {} applied, up to date", applied.len());
        if let Some(role) = &args.grant {
            for advice in store::grant(&mut db, role)? {
                eprintln!("warning: {advice}");
            }
            println!("{role} may do what a gateway does, and no more");
        }
    }
    Ok(true)
}
