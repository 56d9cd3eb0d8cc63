//! `tallystick serve`: the gateway, until it is told to stop.

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::app::App;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen, such as 127.0.0.1:8080; port 0 picks a free one.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// Serves until SIGTERM or SIGINT, then stops in order.
///
/// # Errors
/// When the service does not start.
pub async fn run(args: Args, mut settings: Settings) -> Result<bool, Failure> {
    settings.listen = args.listen.unwrap_or(settings.listen);
    let app = App::start(settings).await?;
    // For whoever started it with port 0, and for people.
    println!("listening on http://{}", app.address());
    until_told_to_stop().await?;
    app.stop().await;
    Ok(true)
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// When the system does not let us listen for signals.
pub async fn until_told_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
