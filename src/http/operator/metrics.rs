//! `/metrics`, for operators: on an address of its own, which everybody who reaches it may read; and on
//! the public one, where the settings say so, for staff with the role `read`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::clock;
use crate::http::Gateway;
use crate::http::access::staff::{Read, Staff};
use crate::http::operator::health;
use crate::http::problem::Problem;
use crate::http::server::media;
use crate::http::server::paths::{at, unknown};
use crate::ids::PartnerId;
use crate::reconcile::report::{AgedBreaks, by_age, newest_closed};
use crate::store::outbox::{self, Channel};
use crate::store::{Db, Pool, StoreError, waiting_events};
use crate::telemetry::held::{HeldLevel, HeldLevels};
use crate::telemetry::metrics::{BreaksLevel, ClosedLevel, Levels, MEDIA_TYPE, Waiting};

/// The format for scrapers that do not know OpenMetrics.
const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long the database may take to count what waits. After that the metrics come without it.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The most partners and rules that are looked up, and the most events that are counted of each.
const HELD_PAIRS_MAX: usize = 500;
const HELD_COUNTED_MAX: i64 = 10_000;

/// The kind of a partner that is not in the registry any more.
const GONE: &str = "none";

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
    request: HttpRequest,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    if !gateway.metrics_public {
        return Err(Problem::not_found());
    }
    let _may_read: Staff<Read> = staff?;
    read(&request, &gateway).await
}

async fn scrape(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    read(&request, &gateway).await
}

async fn read(request: &HttpRequest, gateway: &Gateway) -> Result<HttpResponse, Problem> {
    let outbox = waiting(&gateway.main.pool).await;
    let breaks = open_breaks(&gateway.main.pool).await;
    let closed = closed_months(gateway).await;
    let waits = |db: &mut Db| waiting_events::waiting(db, HELD_PAIRS_MAX, HELD_COUNTED_MAX);
    let held = counted(&gateway.main.pool, "held events", waits).await;
    let held = held.map(|found| by_kind(gateway, &found));
    let (pool_in_use, pool_idle) = gateway.main.pool.in_use_and_idle();
    let queue = gateway.main.writer.depth();
    let levels = Levels {
        queue,
        pool_in_use,
        pool_idle,
        outbox: outbox.as_deref(),
        breaks: breaks.as_deref(),
        closed: closed.as_deref(),
        held: held.as_ref(),
    };
    let text = gateway.metrics.text(&levels).map_err(Problem::internal)?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::VARY, "Accept"));
    if media::prefers(request.headers(), "text/plain", "application/openmetrics-text") {
        return Ok(answer.content_type(TEXT_TYPE).body(as_text(&text)));
    }
    Ok(answer.content_type(MEDIA_TYPE).body(text))
}

/// Prometheus' own text format, version 0.0.4, made of OpenMetrics. A counter's name has `_total` in
/// all its lines; there are no units and no end mark.
fn as_text(open_metrics: &str) -> String {
    let typed = |line: &str, kind: &str| {
        let name = line.strip_prefix("# TYPE ")?.strip_suffix(kind)?;
        Some(name.trim_end().to_owned())
    };
    let counters: HashSet<String> =
        open_metrics.lines().filter_map(|line| typed(line, " counter")).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(name) => {
                text.push_str(&format!("# {what} {name}_total {rest}"));
            }
            (Some("#"), Some("TYPE"), Some(name), Some("unknown")) => {
                text.push_str(&format!("# TYPE {name} untyped"));
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

async fn waiting(pool: &Pool) -> Option<Vec<Waiting>> {
    let lags = counted(pool, "outbox", outbox::lag).await?;
    Some(by_channel(&lags))
}

async fn open_breaks(pool: &Pool) -> Option<Vec<BreaksLevel>> {
    let count = |db: &mut Db| by_age(db, None, clock::now());
    let found = counted(pool, "breaks", count).await?;
    let level = |it: AgedBreaks| {
        let AgedBreaks { age, open } = it;
        BreaksLevel { code: open.code, age: age.name(), count: open.count, minor: open.minor }
    };
    Some(found.into_iter().map(level).collect())
}

/// The newest closed months of partners of each kind: two look-ups by key for each partner.
async fn closed_months(gateway: &Gateway) -> Option<Vec<ClosedLevel>> {
    let (registry, zone) = (Arc::clone(&gateway.registry), gateway.time_zone);
    let read = move |db: &mut Db| {
        let mut levels: BTreeMap<&'static str, ClosedLevel> = BTreeMap::new();
        for partner in registry.now().iter() {
            // What cannot be read of one month hides no other.
            let Ok(Some(month)) = newest_closed(db, &partner.id, zone) else { continue };
            let level = levels.entry(partner.kind.name()).or_default();
            level.lines = level.lines.saturating_add(month.lines.unwrap_or(0));
            level.matched = level.matched.saturating_add(month.matched.unwrap_or(0));
            level.days_to_close = level.days_to_close.max(month.days_to_close.unwrap_or(0));
        }
        let named = levels.into_iter();
        Ok(named.map(|(partner_kind, it)| ClosedLevel { partner_kind, ..it }).collect())
    };
    counted(&gateway.main.pool, "closed months", read).await
}

/// What the database counts, unless it takes too long.
async fn counted<T: Send + 'static>(
    pool: &Pool,
    what: &'static str,
    count: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
) -> Option<T> {
    let pool = pool.clone();
    let read = web::block(move || pool.with(count));
    match tokio::time::timeout(WAIT_MAX, read).await {
        Ok(Ok(Ok(found))) => Some(found),
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, what, "metrics without what the database counts");
            None
        }
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(what, "metrics without what the database counts: it takes too long");
            None
        }
    }
}

/// By kind, not by partner.
fn by_kind(gateway: &Gateway, found: &[waiting_events::Waiting]) -> HeldLevels {
    let mut levels = HeldLevels::default();
    for it in found {
        let id = PartnerId::try_from(it.partner.as_str());
        let partner = id.ok().and_then(|id| gateway.registry.get(&id));
        let kind = partner.map_or(GONE, |partner| partner.kind.name());
        let level = HeldLevel { alarms: 1, events: it.events, oldest: it.since };
        levels.add(kind, &it.rule, level);
    }
    levels
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_format_names_counters_by_their_total() {
        let open = "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests_total{x=\"1\"} 2\n\
                    # HELP b Level.\n# TYPE b gauge\n# UNIT b seconds\nb 1\n# EOF\n";
        let text = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\n\
                    a_requests_total{x=\"1\"} 2\n# HELP b Level.\n# TYPE b gauge\nb 1\n";
        assert_eq!(as_text(open), text);
    }
}
