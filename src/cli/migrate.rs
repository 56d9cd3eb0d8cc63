//! `tallystick migrate`: brings the database up to date.

use super::Failure;
use crate::settings::Settings;
use crate::store;

/// Applies the migrations that the database lacks.
///
/// # Errors
/// When the database cannot be opened or a migration fails; those before it stay applied.
pub fn run(settings: &Settings) -> Result<bool, Failure> {
    let mut db = store::open(&settings.database_url)?;
    let applied = store::migrate(&mut db)?;
    for name in &applied {
        println!("applied {name}");
    }
    println!("{}: {} applied, up to date", settings.database_url, applied.len());
    Ok(true)
}
