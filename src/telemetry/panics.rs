//! A panic is logged with its place. Its text may quote a request, so it is left out unless it is a
//! literal of the program.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;

/// Logs panics instead of letting Rust print them. A second call changes nothing.
pub fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(log)));
}

fn log(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    // A payload that is a literal holds nothing of a request; any other may.
    let said = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(place, said, "panicked");
}
