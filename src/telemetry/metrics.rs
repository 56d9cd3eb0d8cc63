//! Every metric, with its name and labels, in one place. Labels come from our own code: route
//! patterns, kinds, slugs, outcomes; and ids of rules from the bank's files. No label is text that a partner chose, so their number is
//! bounded.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::held::{HeldGauges, HeldLevels};
use crate::clock::{self, Moment};

/// The media type of the text: OpenMetrics.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The label's value if the partner or the route is not known.
const NONE: &str = "none";

/// All metrics of a gateway.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    latency: Family<Answering, Histogram>,
    in_flight: Gauge,
    problems: Family<Problems, Counter>,
    events: Family<Events, Counter>,
    groups: Histogram,
    commits: Histogram,
    retries: Counter,
    deliveries: Family<Deliveries, Counter>,
    last_success: Family<Task, Gauge>,
    failures: Family<Task, Counter>,
    queue: Gauge,
    pool: Family<Connections, Gauge>,
    outbox: Family<Outbox, Gauge>,
    oldest: Family<Destination, Gauge>,
    breaks: Family<Breaks, Gauge>,
    breaks_apart: Family<Age, Gauge>,
    closed_lines: Family<OfKind, Gauge>,
    closed_matched: Family<OfKind, Gauge>,
    days_to_close: Family<OfKind, Gauge>,
    held: HeldGauges,
}

/// A request that was answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    status: &'static str,
    partner_kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answering {
    route: String,
    partner_kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Problems {
    slug: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Events {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Deliveries {
    destination: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Task {
    task: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Connections {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outbox {
    destination: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfKind {
    partner_kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Destination {
    destination: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Breaks {
    code: String,
    age: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Age {
    age: &'static str,
}

/// A request that was answered, as the metrics count it.
pub struct Answer<'a> {
    /// The pattern, not the path.
    pub route: Option<String>,
    pub method: &'a str,
    pub status: u16,
    pub partner_kind: Option<&'static str>,
    pub took: Duration,
}

/// Levels that are read only when somebody asks for the metrics.
pub struct Levels<'a> {
    /// Events that wait for the writer.
    pub queue: usize,
    pub pool_in_use: u32,
    pub pool_idle: u32,
    /// `None` if the database did not answer in time.
    pub outbox: Option<&'a [Waiting]>,
    /// `None` if the database did not answer in time.
    pub breaks: Option<&'a [BreaksLevel]>,
    /// The same.
    pub closed: Option<&'a [ClosedLevel]>,
    /// The same.
    pub held: Option<&'a HeldLevels>,
}

/// The newest closed months of the partners of a kind.
#[derive(Default)]
pub struct ClosedLevel {
    pub partner_kind: &'static str,
    /// All lines of their statements.
    pub lines: u64,
    /// Lines that agree by themselves.
    pub matched: u64,
    /// The most days from the end of such a month to its close.
    pub days_to_close: i64,
}

/// Breaks of a code and an age on which nobody has decided.
pub struct BreaksLevel {
    pub code: String,
    pub age: &'static str,
    pub count: i64,
    /// What the two sides are apart, in hundredths of CNY.
    pub minor: i64,
}

/// The messages of a destination that are not delivered yet.
pub struct Waiting {
    pub destination: &'static str,
    pub waiting: i64,
    pub dead: i64,
    /// When the oldest of them was recorded.
    pub oldest: Option<Moment>,
}

/// What became of an event that was handed to the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    Recorded,
    Replayed,
    Duplicate,
    Refused,
    Conflict,
    /// The event was not recorded, because too many wait or because of a fault of ours.
    Failed,
}

/// The pulse of a chore: when its last round succeeded, and how many rounds failed.
#[derive(Clone)]
pub struct Pulse {
    last_success: Gauge,
    failures: Counter,
}

/// A request being answered: it is counted as long as this value lives.
pub struct InFlight(Gauge);

/// The buckets of the histograms, from half a millisecond to ten seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const EVENTS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let latency: fn() -> Histogram = seconds;
        let mut metrics = Self {
            registry: Registry::with_prefix("tallystick"),
            requests: Family::default(),
            latency: Family::new_with_constructor(latency),
            in_flight: Gauge::default(),
            problems: Family::default(),
            events: Family::default(),
            groups: Histogram::new(EVENTS),
            commits: seconds(),
            retries: Counter::default(),
            deliveries: Family::default(),
            last_success: Family::default(),
            failures: Family::default(),
            queue: Gauge::default(),
            pool: Family::default(),
            outbox: Family::default(),
            oldest: Family::default(),
            breaks: Family::default(),
            breaks_apart: Family::default(),
            closed_lines: Family::default(),
            closed_matched: Family::default(),
            days_to_close: Family::default(),
            held: HeldGauges::default(),
        };
        metrics.register_requests();
        metrics.register_work();
        metrics.register_levels();
        metrics
    }
}

impl Metrics {
    fn register_requests(&mut self) {
        let Self { registry, requests, latency, in_flight, problems, .. } = self;
        let about = "Requests answered, by route pattern, method, status class and partner's kind";
        registry.register("http_requests", about, requests.clone());
        let about = "From the request's head to the answer's head";
        let name = "http_request_duration";
        registry.register_with_unit(name, about, Unit::Seconds, latency.clone());
        registry.register("http_requests_in_flight", "Requests on their way", in_flight.clone());
        let about = "Problems answered, by their type, those of a batch's items among them";
        registry.register("problems", about, problems.clone());
    }

    fn register_work(&mut self) {
        let Self { registry, events, groups, commits, retries, deliveries, .. } = self;
        let about = "Events that were handed to the writer, by type and what came of them";
        registry.register("events", about, events.clone());
        registry.register("writer_group_events", "Events in one commit", groups.clone());
        let about = "One database transaction of the writer, its commit included";
        registry.register_with_unit("writer_commit", about, Unit::Seconds, commits.clone());
        let about = "Transactions of the writer that were run again";
        registry.register("writer_retries", about, retries.clone());
        let about = "Attempts to tell others, by destination and what came of them";
        registry.register("deliveries", about, deliveries.clone());
        let about = "When a task of the gateway last did its round";
        let name = "task_last_success_timestamp";
        self.registry.register_with_unit(name, about, Unit::Seconds, self.last_success.clone());
        let about = "Rounds of a task that came to nothing";
        self.registry.register("task_failures", about, self.failures.clone());
    }

    fn register_levels(&mut self) {
        let Self { registry, queue, pool, outbox, oldest, breaks, breaks_apart, held, .. } = self;
        held.register(registry);
        registry.register("writer_queue_events", "Events that wait for the writer", queue.clone());
        let about = "Database connections beside the writer's";
        registry.register("pool_connections", about, pool.clone());
        let about = "What is not told yet (waiting), or given up for people to look at (dead)";
        registry.register("outbox_messages", about, outbox.clone());
        let about = "When the oldest waiting message was recorded; absent when none waits";
        let name = "outbox_oldest_timestamp";
        registry.register_with_unit(name, about, Unit::Seconds, oldest.clone());
        let about = "Breaks on which nobody has decided, by the days since they were found";
        registry.register("breaks_open", about, breaks.clone());
        let about = "What the two sides are apart in them, in hundredths of CNY";
        registry.register("breaks_open_fen", about, breaks_apart.clone());
        let about = "Lines of the statements of partners' newest closed months";
        registry.register("closed_months_lines", about, self.closed_lines.clone());
        let about = "Those of them that agree by themselves";
        registry.register("closed_months_lines_matched", about, self.closed_matched.clone());
        let about = "The most days from the end of such a month to its close";
        registry.register("closed_months_days_to_close", about, self.days_to_close.clone());
        let about = "The program";
        registry.register("build", about, Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let started: Gauge = Gauge::default();
        started.set(clock::now().unix_seconds());
        let about = "When the gateway started";
        registry.register_with_unit("start_timestamp", about, Unit::Seconds, started);
    }

    /// Counts a request until the returned value is dropped.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub fn answered(&self, answer: Answer<'_>) {
        let route = answer.route.unwrap_or_else(|| NONE.to_owned());
        let partner_kind = answer.partner_kind.unwrap_or(NONE);
        let answering = Answering { route, partner_kind };
        self.latency.get_or_create(&answering).observe(answer.took.as_secs_f64());
        let (method, status) = (method(answer.method), status_class(answer.status));
        let Answering { route, partner_kind } = answering;
        self.requests.get_or_create(&Answered { route, method, status, partner_kind }).inc();
    }

    pub fn problem(&self, slug: &'static str) {
        self.problems.get_or_create(&Problems { slug }).inc();
    }

    pub fn event(&self, kind: &'static str, outcome: EventOutcome) {
        self.events.get_or_create(&Events { kind, outcome: outcome.name() }).inc();
    }

    /// A group of events that is about to be recorded.
    pub fn group(&self, events: usize) {
        self.groups.observe(f64::from(u32::try_from(events).unwrap_or(u32::MAX)));
    }

    pub fn committed(&self, took: Duration) {
        self.commits.observe(took.as_secs_f64());
    }

    pub fn retried(&self) {
        self.retries.inc();
    }

    pub fn delivered(&self, destination: &'static str, outcome: &'static str) {
        self.deliveries.get_or_create(&Deliveries { destination, outcome }).inc();
    }

    #[must_use]
    pub fn pulse(&self, task: &'static str) -> Pulse {
        Pulse {
            last_success: self.last_success.get_or_create_owned(&Task { task }),
            failures: self.failures.get_or_create_owned(&Task { task }),
        }
    }

    /// All metrics, as Prometheus reads them.
    ///
    /// # Errors
    /// Only if one of our labels cannot be written.
    pub fn text(&self, levels: &Levels<'_>) -> Result<String, fmt::Error> {
        self.queue.set(i64::try_from(levels.queue).unwrap_or(i64::MAX));
        for (state, count) in [("in_use", levels.pool_in_use), ("idle", levels.pool_idle)] {
            self.pool.get_or_create(&Connections { state }).set(i64::from(count));
        }
        for waiting in levels.outbox.into_iter().flatten() {
            let destination = waiting.destination;
            for (state, count) in [("waiting", waiting.waiting), ("dead", waiting.dead)] {
                self.outbox.get_or_create(&Outbox { destination, state }).set(count);
            }
            let label = Destination { destination };
            match waiting.oldest {
                Some(oldest) => {
                    self.oldest.get_or_create(&label).set(oldest.unix_seconds());
                }
                None => {
                    self.oldest.remove(&label);
                }
            }
        }
        if let Some(breaks) = levels.breaks {
            self.breaks.clear();
            self.breaks_apart.clear();
            for level in breaks {
                let BreaksLevel { age, count, minor, .. } = *level;
                self.breaks.get_or_create(&Breaks { code: level.code.clone(), age }).set(count);
                self.breaks_apart.get_or_create(&Age { age }).inc_by(minor);
            }
        }
        if let Some(closed) = levels.closed {
            self.closed_lines.clear();
            self.closed_matched.clear();
            self.days_to_close.clear();
            for level in closed {
                let ClosedLevel { partner_kind, lines, matched, days_to_close } = *level;
                let label = OfKind { partner_kind };
                let count = |rows| i64::try_from(rows).unwrap_or(i64::MAX);
                self.closed_lines.get_or_create(&label).set(count(lines));
                self.closed_matched.get_or_create(&label).set(count(matched));
                self.days_to_close.get_or_create(&label).set(days_to_close);
            }
        }
        if let Some(levels) = levels.held {
            self.held.set(levels);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Pulse {
    pub fn beat(&self) {
        self.last_success.set(clock::now().unix_seconds());
    }

    pub fn miss(&self) {
        self.failures.inc();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl EventOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Replayed => "replayed",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
    }
}

/// A method that is not known is `other`: anybody may invent one.
fn method(name: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == name).unwrap_or("other")
}

const fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_somebody_made_up_makes_no_label() {
        let metrics = Metrics::default();
        for method in ["GET", "13800138000", "BREW"] {
            let (route, partner_kind) = (None, None);
            let took = Duration::from_millis(3);
            metrics.answered(Answer { route, method, status: 405, partner_kind, took });
        }
        let levels = Levels {
            queue: 7,
            pool_in_use: 1,
            pool_idle: 0,
            outbox: None,
            breaks: None,
            closed: None,
            held: None,
        };
        let text = metrics.text(&levels).unwrap();
        assert!(!text.contains("13800138000") && !text.contains("BREW"), "{text}");
        let line = "tallystick_http_requests_total{route=\"none\",method=\"other\",\
                    status=\"4xx\",partner_kind=\"none\"} 2";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("tallystick_writer_queue_events 7"), "{text}");
    }
}
