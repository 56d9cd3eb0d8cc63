//! `tallystick token-keys`: the keys that sign access tokens, receipts and heads, and their change.

use chrono::TimeDelta;
use clap::Subcommand;

use super::Failure;
use super::keys::tell;
use crate::clock;
use crate::secrets::key_rotation;
use crate::secrets::key_source::KeySource;
use crate::secrets::keys::Keys;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print each key, and when it begins to sign.
    List,
    /// Add a key that signs from some time on; the one before stays good for what it signed.
    Rotate(RotateArgs),
}

#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// Minutes until it signs: time for all gateways and partners to learn of it.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(2..=10_080))]
    after_minutes: u16,
    /// The keys so far are no longer secret: the new one signs at once, and no access token by
    /// those before is taken any more.
    #[arg(long, conflicts_with = "after_minutes")]
    give_up: bool,
}

/// # Errors
/// When the key file cannot be read or written.
pub fn run(command: &Command, settings: &Settings) -> Result<bool, Failure> {
    let source = KeySource::from(settings);
    if let Command::Rotate(args) = command {
        let wait = if args.give_up { 0 } else { i64::from(args.after_minutes) };
        let from = clock::now().plus(TimeDelta::minutes(wait));
        let changed = key_rotation::rotate_token(&source, from, args.give_up)?;
        tell(&source, &changed, &format!("it signs from {from} on"));
        // What is printed then is the changed key set, and is not there yet.
        if changed.json.is_some() {
            return Ok(true);
        }
    }
    let keys = Keys::from_source(&source)?.0.token.all();
    let now = clock::now();
    let signs = keys.iter().rposition(|key| key.from.is_none_or(|from| from <= now));
    for (position, key) in keys.iter().enumerate() {
        let from = key.from.map_or_else(|| "the first".to_owned(), |from| format!("from {from}"));
        let until = key.until.map_or_else(String::new, |until| format!(", given up {until}"));
        let now = if Some(position) == signs { ", signs now" } else { "" };
        println!("{}  {from}{until}{now}", key.kid);
    }
    Ok(true)
}
