//! A panic is logged by its place. What it says may quote what was sent, and is left out unless it
//! is a text of the program's own.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;

/// Has panics logged, in the place of what Rust prints. A second call changes nothing.
pub fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(log)));
}

fn log(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    // A payload that is a literal was not made of anything; all others were.
    let said = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(place, said, "panicked");
}
