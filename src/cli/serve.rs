//! `tallystick serve`: the gateway, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

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
    let reading = tokio::spawn(read_partners_when_told(app.partners_changed()));
    until_told_to_stop().await?;
    reading.abort();
    app.stop().await;
    Ok(true)
}

/// SIGHUP, as it is the custom: the configuration is read again.
async fn read_partners_when_told(partners: Arc<Notify>) -> std::io::Result<()> {
    let mut hang_up = signal(SignalKind::hangup())?;
    while hang_up.recv().await.is_some() {
        partners.notify_one();
    }
    Ok(())
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
