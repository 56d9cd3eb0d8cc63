//! Liveness and readiness of the process.

use std::time::Duration;

use actix_web::{HttpResponse, web};

use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::http::schemas::requests::StatusBody;
use crate::store;

/// The process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "Operation", security(()),
    responses((status = 200, description = "It lives.", body = StatusBody))
)]
pub async fn get_health() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "alive" }))
}

/// How long a gateway is not ready after its database had no room.
const FULL_FOR: Duration = Duration::from_secs(10);

/// The database answers, takes changes, has room, and has every migration.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation", security(()),
    responses((status = 200, description = "It can do its work.", body = StatusBody))
)]
pub async fn get_readiness(gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    if store::was_full_within(FULL_FOR) {
        return Err(Problem::busy("The database has no room left."));
    }
    for books in std::iter::once(&gateway.main).chain(&gateway.sandbox) {
        if !books.ask(store::pending).await?.is_empty() {
            return Err(Problem::busy("The database lacks migrations: run tallystick migrate."));
        }
        books.pool.probe().await?;
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })))
}
