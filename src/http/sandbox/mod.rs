//! Endpoints that only partners on trial may call: they move their clock ahead, get members and
//! codes without the bank's app, and play the bank's CRM.

pub mod clock;
pub mod leads;
pub mod members;
pub mod redemptions;
pub mod routes;

use crate::http::problem::{Problem, SANDBOX_ONLY};
use crate::partner::Partner;

/// Refuses partners that are not on trial.
fn on_trial(partner: &Partner) -> Result<(), Problem> {
    if partner.status.is_trial() {
        return Ok(());
    }
    let detail = format!("The partner is {}: this is for the sandbox.", partner.status);
    Err(Problem::new(&SANDBOX_ONLY, detail))
}
