//! The programme written a second time, in the plainest way, and held against the real one step by
//! step over HTTP, through random histories: with everything sent again, restarts, kill -9, cut
//! connections and locked rows. `SOAK_HISTORIES=100` plays so many more histories (`make soak`).

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, FixedOffset, Months, TimeDelta};
use serde_json::{Value, json};
use tallystick::clock;

use crate::crash::Served;
use crate::harness::{
    Answer, Cluster, Partner, Store, Trial, cloud_event, code, member, payment, refund,
};

#[path = "model/book.rs"]
mod book;

use book::{Book, Refused};

const STEPS: usize = 45;

/// Two rules: points that may be spent at once, and points that wait for twenty days.
const RULES: &str = r#"
[[earning]]
id = "trip"
version = 1
from = "2017-01-01"
points_per_unit = "0.5"
rounding = "down"
partner_share = "0"
pending_days = 20
expires_months = 12

[[discount]]
"#;

/// splitmix64: the same history for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(list.len()).unwrap();
        (count > 0).then(|| &list[usize::try_from(self.roll(count)).unwrap()])
    }

    /// Mostly of a till, now and then up to the most that one event may have.
    fn hundredths(&mut self) -> i128 {
        let most = match self.roll(14) {
            0 => 1_000_000_000,
            1 => 10_000_000,
            _ => 30_000,
        };
        i128::from(1 + self.roll(most))
    }
}

/// A service in a process of its own that can be killed, and those who speak to it.
struct Stage {
    trial: Trial,
    store: Store,
    served: Option<Served>,
    shop: Partner,
    person: Partner,
}

/// What was sent, and what was answered.
type Sent = (Value, String);

fn text(hundredths: i128) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn hundredths(text: &str) -> i128 {
    text.replace('.', "").parse().unwrap()
}

fn serve(trial: &Trial) -> Served {
    let tokens = trial.settings.customer_tokens.as_ref().unwrap();
    let vouched = [
        ("TALLYSTICK_CUSTOMER_TOKENS__ISSUER", tokens.issuer.as_str()),
        ("TALLYSTICK_CUSTOMER_TOKENS__AUDIENCE", tokens.audience.as_str()),
        ("TALLYSTICK_CUSTOMER_TOKENS__JWKS", tokens.jwks.to_str().unwrap()),
        ("TALLYSTICK_LOG__LEVEL", "off"),
    ];
    Served::start(trial, &vouched)
}

impl Stage {
    async fn set(store: Store) -> Self {
        let trial = Trial::on(store);
        let edit = |file: &str, changes: &[(&str, &str)]| {
            let path = trial.settings.partners.join(file);
            let mut text = std::fs::read_to_string(&path).unwrap();
            for (from, to) in changes {
                assert!(text.contains(from), "{from}");
                text = text.replace(from, to);
            }
            std::fs::write(path, text).unwrap();
        };
        edit("programme.toml", &[("hold_seconds = 4", "hold_seconds = 3000")]);
        let base = "points_per_unit = \"1.37\"\nexpires_months = 12";
        edit(
            "green-basket/partner.toml",
            &[
                ("points_per_unit = \"1\"", base),
                ("\"down\"", "\"half_up\""),
                ("[[discount]]\n", RULES),
            ],
        );
        let served = serve(&trial);
        let shop = served.partner(&trial, "green-basket").await;
        let person = Partner::with_token(&served.url, &trial.customer_token("c-1"));
        Self { trial, store, served: Some(served), shop, person }
    }

    fn start(&mut self) {
        let served = serve(&self.trial);
        self.shop = Partner::with_token(&served.url, &self.shop.token);
        self.person = Partner::with_token(&served.url, &self.person.token);
        self.served = Some(served);
    }

    /// Sends an event while something goes wrong, and again until it is answered.
    async fn send(&mut self, event: &Value, dice: &mut Dice) -> Answer {
        let request = self.shop.request(reqwest::Method::POST, "/v1/events").json(event);
        match dice.roll(12) {
            0 => {
                let under_way = tokio::spawn(request.send());
                tokio::time::sleep(Duration::from_millis(dice.roll(12))).await;
                self.served.take().unwrap().kill();
                let _lost = under_way.await.unwrap();
                self.start();
            }
            1 if self.store == Store::Postgres => {
                let under_way = tokio::spawn(request.send());
                let cut = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                    self.trial.database_name()
                );
                Cluster::shared().psql("postgres", &cut);
                let _perhaps_lost = under_way.await.unwrap();
            }
            2 if self.store == Store::Postgres => {
                let under_way = tokio::spawn(request.send());
                // In a soak longer than `lock_timeout`, otherwise long enough to be noticed.
                let seconds = if soak().is_some() { 11.0 } else { 0.3 };
                let lock =
                    format!("SELECT id FROM customers FOR UPDATE; SELECT pg_sleep({seconds})");
                let database = self.trial.database_name().to_owned();
                let locked =
                    tokio::task::spawn_blocking(move || Cluster::shared().psql(&database, &lock));
                let _perhaps_lost = under_way.await.unwrap();
                locked.await.unwrap();
            }
            3 if dice.roll(4) == 0 => {
                assert!(self.served.take().unwrap().stop().success());
                self.start();
            }
            _ => {}
        }
        for _ in 0..50 {
            let answer = self.shop.post(event).await;
            if answer.status.as_u16() != 503 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.shop.post(event).await
    }
}

fn soak() -> Option<u64> {
    std::env::var_os("SOAK_HISTORIES").map(|histories| histories.to_str().unwrap().parse().unwrap())
}

/// What the receipt puts on each account, in hundredths.
fn posted(receipt: &Value) -> BTreeMap<String, i128> {
    let mut sums = BTreeMap::new();
    for line in receipt["postings"].as_array().unwrap() {
        let code = line["account"].as_str().unwrap().to_owned();
        *sums.entry(code).or_default() += hundredths(line["amount"].as_str().unwrap());
    }
    sums.retain(|code, sum| *sum != 0 && !code.ends_with("_expense"));
    sums
}

/// A step of a history: the event, and what the model makes of it.
async fn next(
    stage: &Stage,
    book: &mut Book,
    dice: &mut Dice,
    id: &str,
    reference: &str,
) -> (Value, Result<(), Refused>) {
    let now = clock::now();
    let at = |kind: &str, data| cloud_event(id, kind, &now.to_string(), data);
    let hold = dice.one_of(&book.holds).map(|hold| hold.id.clone());
    let payment_made = dice.one_of(&book.payments).map(|made| (made.id.clone(), made.left()));
    match (dice.roll(10), hold, payment_made) {
        (3..=4, _, Some((made, left))) => {
            let whole = dice.roll(3) == 0 && left > 0;
            let most = u64::try_from(left.max(1)).unwrap();
            let part = i128::from(1 + dice.roll(most)) + i128::from(dice.roll(8) == 0);
            let amount = if whole { left } else { part };
            let mut event = refund(id, &made, &text(amount));
            event["time"] = json!(now.to_string());
            (event, book.refund(&made, amount))
        }
        (5..=6, ..) => {
            let shown = code(&stage.person).await;
            let points = match book.free() {
                free if free > 0 && dice.roll(5) > 0 => {
                    1 + i128::from(dice.roll(u64::try_from(free).unwrap()))
                }
                _ => dice.hundredths(),
            };
            let data = json!({ "code": shown, "points": text(points) });
            (at("redemption.held", data), book.hold(id, points))
        }
        (7, Some(hold), _) => {
            let held = book.hold_points(&hold);
            let points = 1 + i128::from(dice.roll(u64::try_from(held).unwrap()));
            let data = json!({ "hold": hold, "points": text(points) });
            (at("redemption.committed", data), book.commit(&hold, points))
        }
        (8, Some(hold), _) => {
            let event = at("redemption.cancelled", json!({ "hold": hold }));
            (event, book.cancel(&hold))
        }
        (9, Some(hold), _) => {
            let held = book.hold_points(&hold);
            let points = 1 + i128::from(dice.roll(u64::try_from(held).unwrap()));
            let data = json!({ "hold": hold, "points": text(points) });
            (at("redemption.returned", data), book.give_back(&hold, points))
        }
        _ => {
            let amount = dice.hundredths();
            // Late by up to some months: each month has its own expiry.
            let days = i64::try_from(dice.roll(200)).unwrap();
            let mut event = payment(id, reference, &text(amount), "0.00");
            let then = now.minus(TimeDelta::days(days));
            event["time"] = json!(then.to_string());
            (event, book.pay(id, amount, &expires_at(&then.to_string()), true))
        }
    }
}

/// The end of the month a year on, in Shanghai.
fn expires_at(earned: &str) -> String {
    let shanghai = FixedOffset::east_opt(8 * 3600).unwrap();
    let day = DateTime::parse_from_rfc3339(earned).unwrap().with_timezone(&shanghai).date_naive();
    let month = day.with_day(1).unwrap().checked_add_months(Months::new(13)).unwrap();
    format!("{}T16:00:00Z", month.checked_sub_days(Days::new(1)).unwrap())
}

async fn agrees(stage: &Stage, book: &Book, context: &str) {
    let points = stage.person.get("/v1/customers/me/points").await.body;
    let of = |field: &str| hundredths(points[field].as_str().unwrap());
    let sums = book.sums();
    let sum = |code: &str| sums.get(code).copied().unwrap_or(0);
    assert_eq!(of("balance"), book.free().max(0), "{context}: balance");
    assert_eq!(of("pending"), sum("points_pending"), "{context}: pending");
    assert_eq!(of("owed"), -sum("points_owed"), "{context}: owed");
    let coming = points["expiring"].as_array().unwrap().iter().map(|it| {
        (it["at"].as_str().unwrap().to_owned(), hundredths(it["amount"].as_str().unwrap()))
    });
    assert_eq!(coming.collect::<BTreeMap<_, _>>(), book.expiring(), "{context}: expiring");
}

/// The answer is what the model said; all that was sent before is answered as it was.
async fn play(store: Store, seed: u64) {
    println!("{store:?}, seed {seed}");
    let mut dice = Dice(seed);
    let mut stage = Stage::set(store).await;
    let reference = member(&stage.person, "green-basket").await;
    let (mut book, mut sent) = (Book::default(), Vec::<Sent>::new());
    let mut refusals = BTreeMap::new();
    for step in 0..STEPS {
        let before = book.clone();
        let id = format!("e-{step}");
        let (event, expected) = next(&stage, &mut book, &mut dice, &id, &reference).await;
        let answer = stage.send(&event, &mut dice).await;
        let context = format!("{store:?}, seed {seed}, step {step}: {event}");
        match expected {
            Ok(()) => {
                assert!([200, 201].contains(&answer.status.as_u16()), "{context}: {answer:?}");
                assert_eq!(posted(&answer.body), book.since(&before), "{context}");
                sent.push((event, answer.text));
            }
            Err(refused) => {
                book = before;
                *refusals.entry(refused).or_insert(0) += 1;
                let slug = answer.body["type"].as_str().unwrap().replace("/problems/", "");
                assert_eq!(slug, refused, "{context}: {answer:?}");
            }
        }
        agrees(&stage, &book, &context).await;
        if let (0, Some((event, receipt))) = (dice.roll(6), dice.one_of(&sent)) {
            let again = stage.shop.post(event).await;
            assert_eq!((again.status.as_u16(), &again.text), (200, receipt), "{context}");
            let mut other = event.clone();
            other["time"] = json!("2026-01-01T00:00:00Z");
            assert_eq!(stage.shop.refused(&other).await.1, "event-conflict", "{context}");
            agrees(&stage, &book, &context).await;
        }
    }
    println!("{} taken, refused: {refusals:?}", sent.len());
    assert!(stage.served.take().unwrap().stop().success());
    assert_eq!(stage.trial.findings(), [], "{store:?}, seed {seed}");
}

async fn the_model_and_the_books_agree(store: Store) {
    for seed in 1..=3 {
        Box::pin(play(store, seed)).await;
    }
    for _ in 0..soak().unwrap_or(0) {
        let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
        Box::pin(play(store, seed)).await;
    }
}

on_both_stores!(the_model_and_the_books_agree);
