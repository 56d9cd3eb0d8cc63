//! Structured logs by `tracing`. Personal data has no way into them: its types print `[sealed]`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// What is wrong with the level's directives.
pub fn start(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.level)
        .map_err(|error| format!("setting log.level: {error}; expected such as \"info\""))?;
    // Colours are for people: a log that goes to a file or a collector has none.
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // In tests several services share a process: the first one's logging serves them all.
    drop(started);
    Ok(())
}
