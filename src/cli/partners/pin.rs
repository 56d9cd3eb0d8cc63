//! The PIN with which a shop signs in to its form: told once, and kept in the manifest only as what a
//! slow hash makes of it.

use aws_lc_rs::rand;

use crate::cli::Failure;
use crate::ids::PartnerId;
use crate::partner::form::{ITERATIONS, PIN_DIGITS_MIN, PinRecord};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The partner's id, which is its folder's name.
    id: PartnerId,
}

/// Makes a PIN and says what goes where.
///
/// # Errors
/// When there is no such partner, or the system gives no randomness.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let manifest = settings.partners.join(args.id.as_str()).join("partner.toml");
    if !manifest.is_file() {
        return Err(
            format!("there is no {}: make the partner's folder first", manifest.display()).into()
        );
    }
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_none| "the system gives no randomness")?;
    let pin = random_digits()?;
    let record = PinRecord::of(&pin, salt, ITERATIONS)?;
    println!("PIN, for the shop and nobody else: {pin}");
    println!("To stand in {}, in the place of any before:", manifest.display());
    println!("\n[form]\npin = \"{}\"", record.as_text());
    Ok(true)
}

fn random_digits() -> Result<String, Failure> {
    let mut pin = String::new();
    while pin.len() < PIN_DIGITS_MIN {
        let mut byte = [0];
        rand::fill(&mut byte).map_err(|_none| "the system gives no randomness")?;
        // From 250 on a byte would make some digits likelier than others.
        let [byte] = byte;
        if byte < 250 {
            pin.push(char::from(b'0'.saturating_add(byte.rem_euclid(10))));
        }
    }
    Ok(pin)
}
