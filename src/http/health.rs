//! Whether the process lives, and whether it can do its work.

use actix_web::{HttpResponse, web};

use super::Gateway;
use super::problem::Problem;
use crate::store;

/// `GET /healthz`: the process lives.
pub async fn get_health() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "alive" }))
}

/// `GET /readyz`: the database answers and has every migration.
pub async fn get_readiness(gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    let pending = gateway.read(store::pending).await?;
    if !pending.is_empty() {
        return Err(Problem::busy("The database lacks migrations: run tallystick migrate."));
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })))
}
