//! kill -9 at any moment: every acknowledged event is there once, none half.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tallystick::store::proof;

use crate::harness::{Partner, Store, Trial, payment, wait_until};

/// The real program in a process of its own, which can be killed.
pub struct Served {
    process: Child,
    pub url: String,
}

impl Served {
    pub fn start(trial: &Trial, more: &[(&str, &str)]) -> Self {
        Self::start_logging(trial, more, Stdio::inherit())
    }

    /// The same, with its log going there.
    pub fn start_logging(trial: &Trial, more: &[(&str, &str)], log: Stdio) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tallystick"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("DATABASE_URL", trial.settings.database_url.reveal())
            .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
            .env("TALLYSTICK_KEYS", &trial.settings.keys)
            .env("TALLYSTICK_ISSUER", trial.settings.issuer.as_ref().unwrap())
            .env("TALLYSTICK_LOG__LEVEL", "error")
            // Tests ask as fast as they can.
            .env("TALLYSTICK_CUSTOMER_REQUESTS_PER_SECOND", "100000")
            .env("TALLYSTICK_STAFF_REQUESTS_PER_SECOND", "100000")
            .envs(more.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, url }
    }

    pub async fn partner(&self, trial: &Trial, id: &str) -> Partner {
        let issuer = trial.settings.issuer.as_ref().unwrap();
        Partner::log_in(&self.url, issuer, id, trial.key(id)).await
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL: no warning, no clearing up.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM, and the exit that follows.
    pub fn stop(mut self) -> std::process::ExitStatus {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.process.wait().unwrap()
    }
}

/// A test that fails leaves no gateway behind.
impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _exit = self.process.wait();
    }
}

/// Posts payments from eight tasks until told to stop; the receipts that were given.
async fn load(
    partner: &Partner,
    round: usize,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
) -> BTreeMap<String, String> {
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (partner, stop) = (partner.clone(), Arc::clone(&stop));
            let acknowledged = Arc::clone(&acknowledged);
            tokio::spawn(async move {
                let mut given = BTreeMap::new();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("p-{round}-{task}-{number}");
                    let event = payment(&id, &format!("m-{}", number % 7), "12.34", "0.00");
                    let request = partner.request(reqwest::Method::POST, "/v1/events").json(&event);
                    let Ok(response) = request.send().await else { break };
                    let status = response.status();
                    let Ok(text) = response.text().await else { break };
                    assert!(status.is_success(), "{status}: {text}");
                    given.insert(id, text);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                given
            })
        })
        .collect();
    let mut given = BTreeMap::new();
    for task in tasks {
        given.extend(task.await.unwrap());
    }
    given
}

async fn every_acknowledged_event_is_there_once(store: Store) {
    let trial = Trial::on(store);
    let mut given = BTreeMap::new();
    for round in 0..4 {
        let served = Served::start(&trial, &[]);
        let partner = served.partner(&trial, "green-basket").await;
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let loading = tokio::spawn({
            let (partner, stop) = (partner.clone(), Arc::clone(&stop));
            let acknowledged = Arc::clone(&acknowledged);
            async move { load(&partner, round, stop, acknowledged).await }
        });
        wait_until(true, async || acknowledged.load(Ordering::Relaxed) > 15).await;
        // A different moment each time, so that the kill falls into different work.
        let moment = 150 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 2;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        served.kill();
        stop.store(true, Ordering::Relaxed);
        given.extend(loading.await.unwrap());
    }
    assert!(given.len() > 50, "only {} events were acknowledged", given.len());
    let served = Served::start(&trial, &[]);
    let partner = served.partner(&trial, "green-basket").await;
    for (id, receipt) in &given {
        assert_eq!(&partner.get(&format!("/v1/events/{id}")).await.text, receipt);
    }
    // What was not acknowledged is there whole or not at all, and can be sent again.
    for task in 0..8 {
        let id = format!("p-0-{task}-0");
        let answer = partner.post(&payment(&id, "m-0", "12.34", "0.00")).await;
        assert!(answer.status.is_success(), "{answer:?}");
        let _: Value = answer.body;
    }
    assert!(served.stop().success());
    assert_eq!(trial.findings(), []);
    let counts = proof::counts(&mut trial.db()).unwrap();
    assert_eq!(counts.events, counts.transactions);
    assert!(counts.events >= i64::try_from(given.len()).unwrap());
}

on_both_stores!(every_acknowledged_event_is_there_once);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_it_answers_what_is_under_way_first() {
    let trial = Trial::on(Store::Sqlite);
    let served = Served::start(&trial, &[]);
    let partner = served.partner(&trial, "green-basket").await;
    let stop = Arc::new(AtomicBool::new(false));
    let loading = tokio::spawn({
        let (partner, stop) = (partner.clone(), Arc::clone(&stop));
        async move { load(&partner, 0, stop, Arc::default()).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(served.stop().success());
    stop.store(true, Ordering::Relaxed);
    let given = loading.await.unwrap();
    let events = proof::counts(&mut trial.db()).unwrap().events;
    assert_eq!(events, i64::try_from(given.len()).unwrap(), "recorded, but not answered");
    assert_eq!(trial.findings(), []);
}
