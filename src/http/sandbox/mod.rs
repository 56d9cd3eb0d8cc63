//! What only partners on trial can do: move their clock ahead, get members and codes without the
//! bank's app, and ask for problems.

pub mod clock;
pub mod leads;
pub mod members;
pub mod problems;
pub mod watch;

pub use clock::clock_of;

use crate::http::problem::{Problem, SANDBOX_ONLY};
use crate::partner::Partner;

/// Whether a partner is on trial.
fn on_trial(partner: &Partner) -> Result<(), Problem> {
    if partner.status.is_trial() {
        return Ok(());
    }
    let detail = format!("The partner is {}: this is for the sandbox.", partner.status);
    Err(Problem::new(&SANDBOX_ONLY, detail))
}
