//! What operators see of a running gateway: logs and traces by `tracing`, and the names of the
//! metrics. Personal data cannot get into them: its types print `[sealed]`, and spans and log lines
//! say what happened, never what was sent. Other crates are not logged below `info`, because there
//! they print whole requests.

pub mod held;
mod layer;
pub mod metrics;
mod panics;
pub mod traces;

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::settings::{Log, LogFormat, Settings};
use layer::{BoxedLayer, is_ours};
use traces::Traces;

/// The running logging, and the traces that must still be sent at the end.
pub struct Telemetry {
    traces: Option<Traces>,
}

/// Starts logging to standard error, and tracing if the settings name a collector. A second call
/// changes nothing. Call this function within the runtime.
///
/// # Errors
/// A sentence that says what is wrong with the settings.
pub fn start(settings: &Settings) -> Result<Telemetry, String> {
    panics::log_panics();
    let mut layers = vec![log_layer(&settings.log)?];
    let traces = settings.traces.as_ref().map(Traces::start).transpose()?;
    layers.extend(traces.as_ref().map(Traces::layer));
    let started = Registry::default().with(layers).try_init();
    // In tests several services share a process: the logging of the first one serves them all.
    drop(started);
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends the remaining traces, for a few seconds at most.
    pub async fn stop(self) {
        if let Some(traces) = self.traces {
            traces.stop().await;
        }
    }
}

fn log_layer(log: &Log) -> Result<BoxedLayer, String> {
    let filter = EnvFilter::try_new(&log.level)
        .map_err(|error| format!("setting log.level: {error}; expected such as \"info\""))?;
    // Colours are for people: a log that goes to a file or a collector has none.
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let layer = match log.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let debugs = filter.max_level_hint().is_none_or(|level| level >= LevelFilter::DEBUG);
    let discreet = move |line: &Metadata<'_>| is_discreet(line) && (debugs || !is_noise(line));
    let discreet = filter_fn(discreet).with_max_level_hint(LevelFilter::TRACE);
    Ok(layer.with_filter(filter.and(discreet)).boxed())
}

/// Whether a line may be logged whatever the level says: all lines of ours, and lines of other
/// crates from `info` on.
fn is_discreet(line: &Metadata<'_>) -> bool {
    is_ours(line) || *line.level() <= Level::INFO
}

/// Whether any stranger can cause a line, by bytes that are not HTTP. The HTTP library calls that an
/// error; for an operator it is nothing, unless they look for something.
fn is_noise(line: &Metadata<'_>) -> bool {
    line.target().starts_with("actix_http::")
}
