//! `/metrics`, for operators: on an address of its own, where whoever reaches it may read; and on
//! the public one, where the settings say so, for staff with the role `read`.

use std::time::Duration;

use actix_web::{HttpResponse, web};

use crate::http::Gateway;
use crate::http::access::staff::{Read, Staff};
use crate::http::operator::health;
use crate::http::problem::Problem;
use crate::http::server::paths::{at, unknown};
use crate::store::Pool;
use crate::store::outbox::{self, Channel};
use crate::telemetry::metrics::{Levels, MEDIA_TYPE, Waiting};

/// How long the database may take to say what waits: the rest is told without it.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The routes of the metrics' own address.
pub fn scraped_routes(config: &mut web::ServiceConfig) {
    config
        .service(at("/metrics", web::get().to(scrape)))
        .service(at("/healthz", web::get().to(health::get_health)))
        .default_service(web::to(unknown));
}

/// `GET /metrics` of the public address. Not in the API's description: it is not for partners, and
/// not there unless the settings say so.
///
/// # Errors
/// Not found, where they do not; else those of a token of staff.
pub async fn get_metrics(
    staff: Result<Staff<Read>, Problem>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    if !gateway.metrics_public {
        return Err(Problem::not_found());
    }
    let _may_read: Staff<Read> = staff?;
    read(&gateway).await
}

async fn scrape(gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    read(&gateway).await
}

async fn read(gateway: &Gateway) -> Result<HttpResponse, Problem> {
    let outbox = waiting(&gateway.main.pool).await;
    let (pool_in_use, pool_idle) = gateway.main.pool.in_use_and_idle();
    let queue = gateway.main.writer.depth();
    let levels = Levels { queue, pool_in_use, pool_idle, outbox: outbox.as_deref() };
    let text = gateway.metrics.text(&levels).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).body(text))
}

async fn waiting(pool: &Pool) -> Option<Vec<Waiting>> {
    let pool = pool.clone();
    let read = web::block(move || pool.with(outbox::lag));
    match tokio::time::timeout(WAIT_MAX, read).await {
        Ok(Ok(Ok(lags))) => Some(by_channel(&lags)),
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "metrics without the outbox");
            None
        }
        Ok(Err(_)) | Err(_) => {
            tracing::warn!("metrics without the outbox: the database takes too long");
            None
        }
    }
}

/// By channel, not by endpoint: how many endpoints there are is partners' to say.
fn by_channel(lags: &[outbox::Lag]) -> Vec<Waiting> {
    let channels = [Channel::Crm, Channel::Webhook, Channel::Notice];
    let waiting = |channel: Channel| {
        let of = || lags.iter().filter(|lag| lag.destination.channel() == channel);
        Waiting {
            destination: channel.name(),
            waiting: of().fold(0, |sum, lag| lag.waiting.saturating_add(sum)),
            dead: of().fold(0, |sum, lag| lag.dead.saturating_add(sum)),
            oldest: of().filter_map(|lag| lag.oldest).min(),
        }
    };
    channels.into_iter().map(waiting).collect()
}
