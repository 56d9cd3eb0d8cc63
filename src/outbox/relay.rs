//! Claims messages that are due, has them sent, and records the outcome.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use super::failure::Blame;
use super::lane::Lane;
use super::places::{Places, Seat};
use super::{Failure, Senders, Sent, backoff};
use crate::clock::{self, Moment};
use crate::ids::{EndpointId, PartnerId};
use crate::referral::Actor;
use crate::settings::DeliverySettings;
use crate::store::outbox::claims::{self, Claim, Claimed, Failed, Outcome};
use crate::store::outbox::{Destination, Kind};
use crate::store::{Pool, StoreError, referral_moves, webhook_endpoints};
use crate::task::{self, Stop, Task};
use crate::telemetry::metrics::{Metrics, Pulse};
use crate::telemetry::traces;

/// How often the relay looks without a poke: for messages to retry, and for those of a relay that died.
const LOOK_EVERY: Duration = Duration::from_secs(1);

struct Worker {
    pool: Pool,
    senders: Senders,
    settings: DeliverySettings,
    holder: [u8; 16],
    /// How long a claimed message belongs to this relay. Longer than any request may take, so that the
    /// request of a relay that died has ended before another relay looks.
    lease: TimeDelta,
    metrics: Arc<Metrics>,
    pulse: Pulse,
}

/// The parts that a relay needs.
pub struct RelaySettings {
    pub pool: Pool,
    pub senders: Senders,
    pub delivery: DeliverySettings,
    /// A sender must end within two thirds of this time.
    pub lease: Duration,
    pub metrics: Arc<Metrics>,
}

/// Deliveries under way, and the lanes that they use.
#[derive(Default)]
struct Traffic {
    lanes: HashMap<Destination, Lane>,
    places: Places,
    /// Whose endpoint it is, for those that were met.
    owners: HashMap<EndpointId, PartnerId>,
    /// When each destination last had its turn, as a rising number.
    turns: HashMap<Destination, u64>,
    turn: u64,
    /// Each counts as under way until its lane has noted how it ended.
    deliveries: JoinSet<Ended>,
}

/// A delivery that has ended. What it held is free once this is dropped.
struct Ended {
    destination: Destination,
    failure: Option<Failure>,
    _held: (Arc<()>, Seat),
}

/// Starts a relay. `poked` is notified after a commit that queued a message.
#[must_use]
pub fn start(name: &'static str, settings: RelaySettings, poked: Arc<Notify>) -> Task {
    let holder = *uuid::Uuid::new_v4().as_bytes();
    let RelaySettings { pool, senders, delivery, lease, metrics } = settings;
    let pulse = metrics.pulse(name);
    let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::minutes(1));
    let worker =
        Arc::new(Worker { pool, senders, settings: delivery, holder, lease, metrics, pulse });
    task::run(name, |stop| run(worker, poked, stop))
}

/// When it is stopped, it lets the deliveries under way end.
async fn run(worker: Arc<Worker>, poked: Arc<Notify>, mut stop: Stop) {
    let mut traffic = Traffic::default();
    while !stop.is_requested() {
        let waiting = Arc::clone(&worker).waiting().await;
        for destination in traffic.in_turn(waiting) {
            traffic.fill(&worker, destination).await;
        }
        let look_at = Instant::now() + LOOK_EVERY;
        loop {
            tokio::select! {
                Some(ended) = traffic.deliveries.join_next() => match ended {
                    Ok(ended) => {
                        let destination = ended.destination;
                        let was_crowded = traffic.places.is_full(destination.channel());
                        traffic.ended(destination, ended.failure.as_ref());
                        drop(ended);
                        if was_crowded {
                            // The place goes to the destination that has waited longest.
                            break;
                        }
                        if !stop.is_requested() {
                            traffic.fill(&worker, destination).await;
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, "a delivery was lost; its lease will end");
                    }
                },
                () = poked.notified() => break,
                () = tokio::time::sleep_until(look_at) => break,
                () = stop.requested() => break,
            }
        }
    }
    while let Some(ended) = traffic.deliveries.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a delivery was lost; its lease will end");
        }
    }
}

impl Traffic {
    /// Begins as many deliveries to a destination as it may have.
    async fn fill(&mut self, worker: &Arc<Worker>, destination: Destination) {
        let now = clock::now();
        if self.lanes.entry(destination).or_default().room(now, worker.settings) == 0 {
            return;
        }
        let owner = self.owner(worker, destination).await;
        let free = self.places.free(destination.channel(), owner.as_ref());
        let lane = self.lanes.entry(destination).or_default();
        let room = lane.room(now, worker.settings).min(free);
        if room == 0 {
            return;
        }
        self.turn = self.turn.saturating_add(1);
        self.turns.insert(destination, self.turn);
        for claimed in Arc::clone(worker).claim(destination, room).await {
            let held = (lane.begin(now), self.places.take(destination.channel(), owner.as_ref()));
            let worker = Arc::clone(worker);
            // The delivery belongs to the trace of the request that caused it, however long ago.
            let channel = destination.channel().name();
            let span = debug_span!(parent: None, "deliver", destination = channel);
            if let Some(trace) = claimed.trace {
                traces::continue_own(&span, trace);
            }
            let delivery = async move {
                let failure = worker.deliver(claimed).await;
                Ended { destination, failure, _held: held }
            };
            self.deliveries.spawn(delivery.instrument(span));
        }
    }

    /// The destinations, the one that has waited longest for its turn first.
    fn in_turn(&self, mut waiting: Vec<Destination>) -> Vec<Destination> {
        waiting.sort_by_key(|destination| self.turns.get(destination).copied().unwrap_or(0));
        waiting
    }

    /// The partner of an endpoint; `None` for other destinations, and for an unknown endpoint.
    async fn owner(&mut self, worker: &Arc<Worker>, destination: Destination) -> Option<PartnerId> {
        let Destination::Webhook(endpoint) = destination else { return None };
        if let Some(known) = self.owners.get(&endpoint) {
            return Some(known.clone());
        }
        let found = Arc::clone(worker)
            .store(move |worker| worker.pool.with(|db| webhook_endpoints::get(db, endpoint)))
            .await;
        let partner = found.ok().flatten()?.partner;
        self.owners.insert(endpoint, partner.clone());
        Some(partner)
    }

    fn ended(&mut self, destination: Destination, failure: Option<&Failure>) {
        let lane = self.lanes.entry(destination).or_default();
        if lane.ended(failure, clock::now()) {
            tracing::warn!(%destination, "left alone for a while");
        }
    }
}

impl Worker {
    /// Destinations with waiting messages that this gateway can send to.
    async fn waiting(self: Arc<Self>) -> Vec<Destination> {
        let found = Arc::clone(&self).store(|worker| worker.pool.with(claims::destinations)).await;
        let found = match found {
            Ok(found) => {
                self.pulse.beat();
                found
            }
            Err(error) => {
                self.pulse.miss();
                tracing::warn!(%error, "the outbox cannot be read");
                Vec::new()
            }
        };
        found.into_iter().filter(|found| self.senders.serve(*found)).collect()
    }

    async fn claim(self: Arc<Self>, destination: Destination, room: usize) -> Vec<Claimed> {
        let claimed = self.store(move |worker| {
            let now = clock::now();
            let claim = Claim {
                destination,
                holder: worker.holder,
                now,
                lease_until: now.plus(worker.lease),
                rows_max: i64::try_from(room).unwrap_or(i64::MAX),
            };
            worker.pool.with(|db| db.write(|tx| claims::claim(tx, claim)))
        });
        claimed.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "nothing can be claimed");
            Vec::new()
        })
    }

    /// One attempt, from the claim to its record.
    async fn deliver(self: Arc<Self>, claimed: Claimed) -> Option<Failure> {
        let (delivery, destination, kind) = (claimed.id, claimed.destination, claimed.kind.name());
        let sent = self.senders.send(&claimed).await;
        match &sent {
            Ok(sent) => {
                let remote = sent.remote_id.as_deref().unwrap_or_default();
                tracing::info!(%delivery, %destination, kind, remote, "delivered");
            }
            Err(failure) => {
                let (class, error) = (failure.class, &failure.text);
                tracing::warn!(%delivery, %destination, kind, class, error, "not delivered");
            }
        }
        let failure = sent.as_ref().err().cloned();
        let outcome = match &failure {
            None => "delivered",
            Some(failure) if failure.next(&claimed, clock::now()).again_at.is_none() => "dead",
            Some(_) => "failed",
        };
        self.metrics.delivered(destination.channel().name(), outcome);
        let recorded = self.store(move |worker| worker.record(&claimed, &sent)).await;
        match recorded {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%delivery, "the lease had ended; another relay has it"),
            // The lease ends by itself, and the message then counts as uncertain.
            Err(error) => tracing::error!(%delivery, %error, "a delivery is not recorded yet"),
        }
        failure
    }

    fn record(&self, claimed: &Claimed, sent: &Result<Sent, Failure>) -> Result<bool, StoreError> {
        let now = clock::now();
        self.pool.with(|db| {
            db.write(|tx| match sent {
                Ok(Sent { remote_id, status }) => {
                    let remote_id = remote_id.as_deref();
                    let outcome = Outcome::Delivered { remote_id, status: *status };
                    let ours = claims::settle(tx, claimed, &outcome, now)?;
                    if ours && claimed.kind == Kind::Lead {
                        let relay = Actor::Program("relay");
                        referral_moves::send(tx, claimed.referral(), &relay, now)?;
                    }
                    Ok(ours)
                }
                Err(failure) => {
                    let failed = Outcome::Failed(failure.next(claimed, now));
                    claims::settle(tx, claimed, &failed, now)
                }
            })
        })
    }

    async fn store<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = tokio::task::spawn_blocking(move || work(&self)).await;
        done.unwrap_or_else(|_cancelled| Err(StoreError::Exhausted))
    }
}

impl Failure {
    /// Whether and when to try again. A failure that cannot pass by itself makes a dead letter.
    fn next(&self, claimed: &Claimed, now: Moment) -> Failed<'_> {
        let wait_min = self.wait_min.and_then(|wait| TimeDelta::from_std(wait).ok());
        let wait_min = wait_min.unwrap_or_default();
        let next = match claimed.destination {
            Destination::Webhook(_) | Destination::Bank => {
                backoff::next_of_webhook(claimed.failures, wait_min, now)
            }
            Destination::Crm | Destination::Notice => {
                backoff::next(claimed.failures, claimed.give_up_at, wait_min, now)
            }
        };
        // The last attempt comes when the time is over, not after it, whatever a destination asks.
        // Our own reasons to wait, such as the night, may go beyond.
        let last = (self.blame != Blame::Ourselves).then_some(next.give_up_at);
        let in_time = |at: Moment| last.map_or(at, |last| at.min(last));
        Failed {
            again_at: next.again_at.map(in_time).filter(|_at| !self.is_final),
            give_up_at: Some(next.give_up_at),
            class: self.class,
            status: self.status,
            error: &self.text,
        }
    }
}
