//! Keyed hashes of the phone numbers of a partner's staff, for the partner's manifest. The gateway
//! makes the same hashes with its own keys, so no phone number stands in a file.

use std::io::BufRead;

use crate::cli::Failure;
use crate::event::is_e164;
use crate::secrets::keys::Keys;
use crate::settings::Settings;

/// Reads phone numbers, one on each line, and prints the table to paste into `partner.toml`.
///
/// # Errors
/// When the keys cannot be read, or a line is not a phone number (E.164).
pub fn run(settings: &Settings) -> Result<bool, Failure> {
    if !settings.keys.is_file() {
        let path = settings.keys.display();
        return Err(format!("{path} is not there: run this where the gateway's keys are").into());
    }
    let (keys, _made) = Keys::load_or_create(&settings.keys)?;
    println!("[staff]\nindex = \"{}\"\nphones = [", keys.personal.index_id());
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        let phone = line.trim();
        if phone.is_empty() {
            continue;
        }
        if !is_e164(phone) {
            let number = number.saturating_add(1);
            return Err(format!("line {number}: expected E.164, such as +8613800000000").into());
        }
        let index = keys.personal.blind_index("phone", phone);
        let digits: String = index.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("    \"{digits}\",");
    }
    println!("]");
    Ok(true)
}
