//! The addresses that a service listens on.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App as WebApp, HttpServer, web};
use rustls::ServerConfig;

use super::without_http::AppError;
use crate::http::server::{slow_reader, tls};
use crate::http::{self, Gateway};
use crate::settings::Settings;

/// How long a request's head may take.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// The metrics on an address of their own.
pub struct Scraped {
    pub address: SocketAddr,
    pub server: ServerHandle,
}

/// Serves the API and the pages.
///
/// # Errors
/// The system's, where it cannot listen.
pub fn serve(
    gateway: web::Data<Gateway>,
    listener: TcpListener,
    tls: Option<ServerConfig>,
    settings: &Settings,
) -> std::io::Result<Server> {
    let longest_write = Duration::from_secs(settings.write_seconds.max(1));
    let server = HttpServer::new(move || {
        WebApp::new()
            .app_data(gateway.clone())
            .wrap(from_fn(http::await_bodies))
            .wrap(from_fn(http::watch_trials))
            .wrap(from_fn(http::tag_resources))
            .wrap(from_fn(http::speak_version))
            .wrap(from_fn(http::translate_methods))
            .wrap(from_fn(http::log_requests))
            .wrap(from_fn(http::harden))
            .wrap(from_fn(http::speak_tus))
            .wrap(from_fn(http::answer_in_slices))
            .configure(http::routes)
    })
    .on_connect(move |connection, data| {
        tls::note_certificate(connection, data);
        slow_reader::bound_writes(connection, longest_write);
    })
    .client_request_timeout(HEAD_TIME_MAX)
    .workers(settings.workers.max(1))
    .shutdown_timeout(settings.shutdown_seconds)
    .disable_signals();
    let server = match tls {
        Some(config) => server.listen_rustls_0_23(listener, config),
        None => server.listen(listener),
    };
    Ok(server?.run())
}

/// The metrics' own address, where the settings name one.
pub fn start_scraped(
    settings: &Settings,
    gateway: &web::Data<Gateway>,
) -> Result<Option<Scraped>, AppError> {
    let Some(address) = settings.metrics.listen else { return Ok(None) };
    let error = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    let gateway = gateway.clone();
    let server = HttpServer::new(move || {
        WebApp::new()
            .app_data(gateway.clone())
            .wrap(from_fn(http::log_requests))
            .configure(http::scraped_routes)
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .map_err(error)?
    .run();
    let handle = server.handle();
    tokio::spawn(server);
    tracing::info!(%address, "metrics");
    Ok(Some(Scraped { address, server: handle }))
}
