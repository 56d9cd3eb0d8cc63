//! Settings become a running service: migrate, start the writer, the relay and the sealer, then HTTP; stop in
//! reverse. `serve`, the demo and the tests all start it here.

mod books_chores;
mod chores;
mod serving;
mod without_http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;
use books_chores::real_crm;
use chores::Chores;
use serving::{Scraped, serve, start_scraped};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
pub use without_http::{AppError, Core};

use crate::http::Gateway;
use crate::http::access::watch;
use crate::http::server::tls;
use crate::observations::Observations;
use crate::settings::Settings;
use crate::store::Pool;
use crate::task::Task;
use crate::writer::Writer;

/// A running service.
pub struct App {
    address: SocketAddr,
    issuer: String,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    chores: Chores,
    watch: Task,
    scraped: Option<Scraped>,
    core: Core,
}

/// Reads every file that the settings name before anything is made: a mistake in them must not leave
/// a database and keys behind.
fn check(settings: &Settings) -> Result<(), AppError> {
    if let Some(tls) = &settings.tls {
        tls::server_config(tls)?;
    }
    real_crm(settings, Duration::from_secs(1))?;
    Gateway::check(settings)?;
    Ok(())
}

impl App {
    /// Starts everything; when this returns, the address takes requests.
    ///
    /// # Errors
    /// [`AppError`]; what had been started is stopped again.
    pub async fn start(settings: Settings) -> Result<Self, AppError> {
        check(&settings)?;
        let core = Core::start(&settings)?;
        let listener = std::net::TcpListener::bind(settings.listen);
        let listen_error = |source| AppError::Listen { address: settings.listen, source };
        let listener = listener.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let issuer = settings.issuer.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
        let tls_config = settings.tls.as_ref().map(tls::server_config).transpose()?;
        let observations = Arc::new(Observations::default());
        let gateway = core.gateway(&settings, &issuer, Arc::clone(&observations))?;
        let gateway = web::Data::new(gateway);
        let watch = watch::start(gateway.clone()).await;
        let chores = Chores::start(&settings, &core, observations)?;
        let scraped = start_scraped(&settings, &gateway)?;
        let server = serve(gateway, listener, tls_config, &settings).map_err(listen_error)?;
        let handle = server.handle();
        let serving = tokio::spawn(server);
        tracing::info!(%address, database = %settings.database_url, "serving");
        let server = handle;
        Ok(Self { address, issuer, server, serving, chores, watch, scraped, core })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are, if they have an address of their own.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.scraped.as_ref().map(|scraped| scraped.address)
    }

    /// Its own URL: the issuer of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Connections to its main database.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.core.main.books.pool
    }

    /// The writer, which records everything.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.core.main.books.writer
    }

    /// Events that wait for the writer.
    #[must_use]
    pub fn writer_depth(&self) -> usize {
        self.core.all_books().map(|books| books.writer.depth()).sum()
    }

    /// Notify it, and the partners' folder is read again at once.
    #[must_use]
    pub fn partners_changed(&self) -> Arc<Notify> {
        self.chores.partners_changed()
    }

    /// Stops in reverse order: no new requests, open requests answered, the writer's queue recorded.
    pub async fn stop(self) {
        self.server.stop(true).await;
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the HTTP server ended badly"),
            Err(error) => tracing::error!(%error, "the HTTP server was lost"),
        }
        self.chores.stop().await;
        self.watch.stop().await;
        // The metrics end last, so that operators see the rest end.
        if let Some(scraped) = self.scraped {
            scraped.server.stop(false).await;
        }
        // The server's threads hold the gateway, and with it the writer, for a moment longer.
        let drained = tokio::time::timeout(Duration::from_secs(30), self.core.stop()).await;
        if drained.is_err() {
            tracing::error!("the writer did not end in time");
        }
        tracing::info!("stopped");
    }
}
