//! Messages leave in order, by one gateway at a time, never an older one after a newer one. Each is
//! tried until it arrives or is a dead letter.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use tallystick::clock::{self, Moment};
use tallystick::database_url::DatabaseUrl;
use tallystick::ids::{MessageId, OrderKey, ReferralId};
use tallystick::settings::{CrmSettings, Secret};
use tallystick::store::outbox::claims::{self, Claim, Claimed, Failed, Outcome};
use tallystick::store::outbox::{self, Depth, Destination, Kind, NewMessage, dead};
use tallystick::store::{self, Db};

use crate::harness::{
    BadRoad, Cluster, Fault, PATIENCE, Store, TestApp, Trial, crm_records, referral, staff,
    start_crm,
};

const LEASE: TimeDelta = TimeDelta::minutes(1);

fn lead(person: u8) -> NewMessage {
    NewMessage::lead(ReferralId::random(), OrderKey::of_person(&[person; 32]))
}

fn put(db: &mut Db, messages: &[NewMessage]) {
    db.write(|tx| outbox::insert(tx, messages, clock::now())).unwrap();
}

fn claim(db: &mut Db, holder: u8, now: Moment, rows_max: i64) -> Vec<Claimed> {
    let claim = Claim {
        destination: Destination::Crm,
        holder: [holder; 16],
        now,
        lease_until: now.plus(LEASE),
        rows_max,
    };
    db.write(|tx| claims::claim(tx, claim)).unwrap()
}

fn delivered(db: &mut Db, claimed: &Claimed) -> bool {
    let outcome = Outcome::Delivered { remote_id: Some("there"), status: None };
    db.write(|tx| claims::settle(tx, claimed, &outcome, clock::now())).unwrap()
}

fn failed(db: &mut Db, claimed: &Claimed, again_at: Option<Moment>) -> bool {
    let failed = Failed {
        again_at,
        give_up_at: None,
        class: "unavailable",
        status: Some(503),
        error: "no answer",
    };
    db.write(|tx| claims::settle(tx, claimed, &Outcome::Failed(failed), clock::now())).unwrap()
}

fn ids(claimed: &[Claimed]) -> Vec<MessageId> {
    claimed.iter().map(|message| message.id).collect()
}

on_both_stores! {
    async fn messages_about_one_person_go_in_order_and_do_not_hold_up_others(app) {
        app.leads_may_wait = true; // they are this test's own
        let mut db = app.trial.db();
        let (first, second, other) = (lead(1), lead(1), lead(2));
        put(&mut db, &[first.clone(), second.clone(), other.clone()]);
        let now = clock::now();
        let taken = claim(&mut db, 1, now, 10);
        assert_eq!(ids(&taken), [first.id, other.id]);
        assert_eq!(claim(&mut db, 2, now, 10).len(), 0, "the first is still on its way");
        assert!(delivered(&mut db, &taken[1]));
        // It fails, and waits: so does what comes after it.
        assert!(failed(&mut db, &taken[0], Some(now.plus(TimeDelta::minutes(5)))));
        assert_eq!(claim(&mut db, 2, now, 10).len(), 0);
        let later = now.plus(TimeDelta::minutes(6));
        let again = claim(&mut db, 2, later, 10);
        assert_eq!(again[0].id, first.id);
        assert_eq!((again[0].attempt, again[0].failures), (2, 1));
        assert!(delivered(&mut db, &again[0]));
        assert_eq!(ids(&claim(&mut db, 2, later, 1)), [second.id]);
    }
}

on_both_stores! {
    async fn an_older_revision_never_goes_out_after_a_newer_one(app) {
        app.leads_may_wait = true; // they are this test's own
        let mut db = app.trial.db();
        let subject = ReferralId::random();
        let of = |revision: i64| NewMessage {
            id: MessageId::random(), revision, ..NewMessage::lead(subject, OrderKey::of_person(&[1; 32]))
        };
        let first = of(1);
        put(&mut db, std::slice::from_ref(&first));
        // While the first is on its way a second comes.
        let taken = claim(&mut db, 1, clock::now(), 10);
        put(&mut db, &[of(2)]);
        assert!(failed(&mut db, &taken[0], Some(clock::now())));
        // The first is passed over; what it would have said, the second says.
        let mut seen = Vec::new();
        for _ in 0..3 {
            for claimed in claim(&mut db, 1, clock::now(), 10) {
                seen.push(claimed.revision);
                assert!(delivered(&mut db, &claimed));
            }
        }
        assert_eq!(seen, [2]);
        // One that waits gives way at once, and one that was given up as well.
        put(&mut db, &[of(3)]);
        put(&mut db, &[of(4)]);
        let fourth = claim(&mut db, 1, clock::now(), 10);
        assert_eq!(fourth[0].revision, 4);
        assert!(failed(&mut db, &fourth[0], None));
        db.write(|tx| outbox::lead_changed(tx, subject, clock::now())).unwrap();
        assert!(!db.write(|tx| dead::replay(tx, fourth[0].id, clock::now())).unwrap());
        let depth = outbox::depth(&mut db).unwrap();
        assert_eq!(depth, Depth { waiting: 1, delivered: 1, superseded: 3, ..Depth::default() });
        // The database itself holds each revision to once.
        let twice = db.write(|tx| outbox::insert(tx, &[of(5)], clock::now()));
        assert!(twice.is_err());
    }
}

on_both_stores! {
    async fn two_gateways_share_what_waits_without_doubling(app) {
        app.leads_may_wait = true; // they are this test's own
        let leads: Vec<NewMessage> = (0..120_u8).map(lead).collect();
        put(&mut app.trial.db(), &leads);
        let seen: Arc<Mutex<Vec<(u8, MessageId)>>> = Arc::default();
        let gateways: Vec<_> = (1..=3_u8).map(|holder| {
            let (mut db, seen) = (app.trial.db(), Arc::clone(&seen));
            std::thread::spawn(move || {
                let mut idle = 0;
                while idle < 20 {
                    let taken = claim(&mut db, holder, clock::now(), 4);
                    idle = if taken.is_empty() { idle + 1 } else { 0 };
                    for claimed in taken {
                        seen.lock().unwrap().push((holder, claimed.id));
                        std::thread::sleep(Duration::from_millis(1));
                        assert!(delivered(&mut db, &claimed));
                    }
                }
            })
        }).collect();
        for gateway in gateways {
            gateway.join().unwrap();
        }
        let seen = seen.lock().unwrap().clone();
        let mut each: Vec<MessageId> = seen.iter().map(|(_, id)| *id).collect();
        each.sort();
        let mut all: Vec<MessageId> = leads.iter().map(|lead| lead.id).collect();
        all.sort();
        assert_eq!(each, all);
        let shares = (1..=3).filter(|holder| seen.iter().any(|(by, _)| by == holder)).count();
        assert!(shares > 1, "one gateway did it all");
    }
}

on_both_stores! {
    async fn whoever_lost_its_lease_says_nothing_any_more_and_the_next_knows_of_it(app) {
        app.leads_may_wait = true; // they are this test's own
        let mut db = app.trial.db();
        put(&mut db, &[lead(1)]);
        let now = clock::now();
        let slow = claim(&mut db, 1, now, 1);
        assert!(!slow[0].uncertain);
        assert_eq!(claim(&mut db, 2, now.plus(TimeDelta::seconds(59)), 1).len(), 0);
        let next = claim(&mut db, 2, now.plus(LEASE), 1);
        assert!(next[0].uncertain, "the first may have arrived");
        assert!(!delivered(&mut db, &slow[0]));
        assert!(delivered(&mut db, &next[0]));
        // The delivery log lacks the number of the attempt that was lost.
        let log = dead::attempts(&mut db, next[0].id).unwrap();
        assert_eq!(log.iter().map(|it| (it.number, it.outcome.as_str())).collect::<Vec<_>>(), [(2, "delivered")]);
    }
}

on_both_stores! {
    async fn what_is_withdrawn_does_not_go_out_and_whoever_was_told_is_told_so(app) {
        app.leads_may_wait = true; // they are this test's own
        let mut db = app.trial.db();
        let withdraw = |db: &mut Db, lead: &NewMessage| {
            let referral = ReferralId::from_uuid(uuid::Uuid::from_bytes(lead.subject));
            db.write(|tx| outbox::consent_withdrawn(tx, referral, clock::now())).unwrap();
        };
        // Never tried: nobody needs to know.
        let (untold, told, under_way) = (lead(1), lead(2), lead(3));
        put(&mut db, std::slice::from_ref(&untold));
        withdraw(&mut db, &untold);
        assert_eq!(claim(&mut db, 1, clock::now(), 10).len(), 0);
        // Delivered: the CRM is told.
        put(&mut db, std::slice::from_ref(&told));
        let sent = claim(&mut db, 1, clock::now(), 10);
        assert!(delivered(&mut db, &sent[0]));
        withdraw(&mut db, &told);
        let second = claim(&mut db, 1, clock::now(), 10);
        assert_eq!((second[0].kind, second[0].revision), (Kind::ConsentWithdrawn, 2));
        assert!(delivered(&mut db, &second[0]));
        // On its way: that attempt is the last, and the CRM is told after it.
        put(&mut db, std::slice::from_ref(&under_way));
        let third = claim(&mut db, 1, clock::now(), 10);
        withdraw(&mut db, &under_way);
        assert_eq!(claim(&mut db, 2, clock::now(), 10).len(), 0);
        assert!(failed(&mut db, &third[0], Some(clock::now())));
        let last = claim(&mut db, 2, clock::now(), 10);
        assert_eq!((last.len(), last[0].kind), (1, Kind::ConsentWithdrawn));
        assert!(delivered(&mut db, &last[0]));
        let depth = outbox::depth(&mut db).unwrap();
        assert_eq!(depth, Depth { delivered: 3, cancelled: 2, ..Depth::default() });
    }
}

on_both_stores! {
    async fn how_far_a_destination_is_behind_can_be_asked(app) {
        app.leads_may_wait = true; // they are this test's own
        let mut db = app.trial.db();
        assert_eq!(outbox::lag(&mut db).unwrap(), []);
        put(&mut db, &[lead(1), lead(2)]);
        let first = claim(&mut db, 1, clock::now(), 1);
        assert!(failed(&mut db, &first[0], None));
        let lag = outbox::lag(&mut db).unwrap();
        assert_eq!((lag.len(), lag[0].destination), (1, Destination::Crm));
        assert_eq!((lag[0].waiting, lag[0].dead), (1, 1));
        assert!(lag[0].oldest.unwrap() <= clock::now());
    }
}

/// All migrations before the one outbox, then a lead of each state, then that migration.
fn leads_of_the_release_before(db: &mut impl diesel::connection::SimpleConnection, store: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(store);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.as_str() <= "2026-11-24-000017_delivery")
        .collect();
    names.sort();
    let up = |name: &String| std::fs::read_to_string(folder.join(name).join("up.sql")).unwrap();
    let (last, before) = names.split_last().unwrap();
    before.iter().for_each(|name| db.batch_execute(&up(name)).unwrap());
    for (digit, state) in [("a", "waiting"), ("b", "delivered"), ("c", "dead")] {
        let bytes = match store {
            "postgres" => format!("'\\x{}'", digit.repeat(32)),
            _ => format!("x'{}'", digit.repeat(32)),
        };
        let at = "'2026-11-02 10:00:00'";
        let delivered = if state == "delivered" { at } else { "NULL" };
        let row = format!(
            "INSERT INTO outbox VALUES ({bytes}, {bytes}, '{state}', 3, {at}, NULL, NULL, 'why', \
             '7', {at}, {delivered})"
        );
        db.batch_execute(&row).unwrap();
    }
    db.batch_execute(&up(last)).unwrap();
    db.batch_execute(&up(&"2026-11-24-000026_traces".to_owned())).unwrap();
}

#[test]
fn leads_of_the_release_before_are_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}", folder.path().join("old.db").display());
    let postgres = Cluster::shared().create_database("old_outbox", None);
    for url in [sqlite, postgres] {
        let mut db = store::open(&DatabaseUrl::parse(&url).unwrap()).unwrap();
        // Their referrals are not what this is about.
        match &mut db {
            Db::Sqlite(db) => {
                db.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
                leads_of_the_release_before(db, "sqlite");
            }
            Db::Postgres(db) => {
                db.batch_execute("SET session_replication_role = replica").unwrap();
                leads_of_the_release_before(db, "postgres");
            }
        }
        let depth = outbox::depth(&mut db).unwrap();
        assert_eq!(depth, Depth { waiting: 1, delivered: 1, dead: 1, ..Depth::default() });
        let told = outbox::crm_ids(&mut db).unwrap();
        assert_eq!((told.len(), told[0].1.as_str()), (1, "7"));
        let claimed = claim(&mut db, 1, clock::now(), 10);
        assert_eq!((claimed.len(), claimed[0].kind, claimed[0].attempt), (1, Kind::Lead, 4));
        assert!(delivered(&mut db, &claimed[0]));
        assert_eq!(dead::page(&mut db, None, 0, 10).unwrap().len(), 1);
    }
    Cluster::shared().drop_database("old_outbox");
}

/// What `tallystick outbox …` prints, and whether it exits 0.
fn command(app: &TestApp, args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .arg("outbox")
        .args(args)
        .env("DATABASE_URL", app.trial.settings.database_url.reveal())
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

async fn wait_for(app: &TestApp, is_so: impl Fn(Depth) -> bool) {
    let started = Instant::now();
    loop {
        let depth = outbox::depth(&mut app.trial.db()).unwrap();
        if is_so(depth) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{depth:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn what_was_given_up_is_listed_with_its_reason_and_goes_out_when_replayed(store: Store) {
    let mut trial = Trial::on(store);
    let crm = start_crm(trial.folder.path());
    let refusal =
        json!({ "id": 1, "error": ["UserError", ["Test Person is not welcome", ""]] }).to_string();
    let faults: Vec<_> =
        (0..2).map(|_| ("sale.opportunity.create", Fault::Instead(200, refusal.clone()))).collect();
    let road = BadRoad::to(&crm, &faults);
    let CrmSettings::Tryton { database, user, password, .. } = crm.settings() else {
        unreachable!("not a Tryton");
    };
    trial.settings.crm = Some(CrmSettings::Tryton { url: road.url(), database, user, password });
    let app = trial.start().await;
    let travel = app.partner("sunny-travel").await;
    travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
    wait_for(&app, |depth| depth.dead == 1).await;

    let operator = staff(&app, "olga", &["operate"]);
    let page = operator.get("/v1/dead-letters?channel=crm").await;
    assert_eq!(page.status, 200, "{page:?}");
    let letter = &page.body["dead_letters"][0];
    let error = letter["last_error"].as_str().unwrap();
    assert!(error.starts_with("refused: ") && !error.contains("Test Person"), "{error}");
    assert_eq!(page.body["next"], Value::Null);
    assert_eq!(
        operator.get("/v1/dead-letters?channel=webhook").await.body["dead_letters"],
        json!([])
    );
    let reader = staff(&app, "rita", &["read", "adjust", "approve"]);
    assert_eq!(reader.get("/v1/dead-letters").await.told(), (403, "role-missing"));

    // Replayed by the API it is refused again; replayed by the command it goes out.
    let id = letter["id"].as_str().unwrap();
    let replay = format!("/v1/dead-letters/{id}/replay");
    assert_eq!(reader.send(&replay, &json!({})).await.told(), (403, "role-missing"));
    let replayed = operator.send(&replay, &json!({})).await;
    assert_eq!((replayed.status.as_u16(), &replayed.body["state"]), (202, &json!("waiting")));
    wait_for(&app, |depth| depth.dead == 1).await;
    let (listed, said) = command(&app, &["list"]);
    assert!(listed && said.contains(id) && said.contains("refused"), "{said}");
    let (shown, said) = command(&app, &["show", id]);
    assert!(shown && said.contains("#1") && said.contains("#2"), "{said}");
    assert!(command(&app, &["replay", "--all"]).0);
    wait_for(&app, |depth| depth.delivered == 1).await;
    assert!(road.all_happened());
    assert_eq!(crm_records(&crm, "sale.opportunity", json!([]), &["reference"]).await.len(), 1);
    let again = operator.send(&replay, &json!({})).await;
    assert_eq!(again.told(), (409, "not-a-dead-letter"));
    assert!(!command(&app, &["replay", id]).0);
    let unknown = format!("/v1/dead-letters/{}/replay", uuid::Uuid::new_v4());
    assert_eq!(operator.send(&unknown, &json!({})).await.told(), (404, "not-found"));
    Box::pin(app.stop_and_prove()).await;
}

on_both_stores!(what_was_given_up_is_listed_with_its_reason_and_goes_out_when_replayed);

/// A CRM that says one thing to everybody, and when it was asked.
fn says(answer: &'static str) -> (String, Arc<Mutex<Vec<Instant>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let times = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if read_whole(&mut stream).is_ok() {
                times.lock().unwrap().push(Instant::now());
                drop(stream.write_all(answer.as_bytes()));
            }
        }
    });
    (url, asked)
}

/// What is left unread when a connection is closed may reset it before the answer is seen.
pub fn read_whole(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        if line == "\r\n" {
            return lines.read_exact(&mut vec![0; length]);
        }
    }
}

async fn with_leads_for(answer: &'static str, leads: u8) -> (TestApp, Arc<Mutex<Vec<Instant>>>) {
    let mut trial = Trial::on(Store::Sqlite);
    let (url, asked) = says(answer);
    let (database, user) = ("crm".to_owned(), "gateway".to_owned());
    let password = Secret::new("only-for-this-run".to_owned());
    trial.settings.crm = Some(CrmSettings::Tryton { url, database, user, password });
    // What the bounds below count on: four on their way together.
    trial.settings.delivery.at_once = 4;
    let mut app = trial.start().await;
    app.leads_may_wait = true; // the CRM takes none
    let travel = app.partner("sunny-travel").await;
    for number in 0..leads {
        let mut event = referral(&format!("t-{number}"), "travel-loan", "9000.00", "old-town");
        event["data"]["contact"]["phone"] = json!(format!("+86199000012{number:02}"));
        travel.record(&event).await;
    }
    (app, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_asks_to_wait_is_left_alone_with_every_lead() {
    let busy =
        "HTTP/1.1 429 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (app, asked) = with_leads_for(busy, 8).await;
    // Those that were on their way together, beside the look for what has become of leads; then
    // nobody for three seconds, then as many again.
    let begun = Instant::now();
    while asked.lock().unwrap().len() <= 5 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody asks again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = asked.lock().unwrap().clone();
    let pause = asked.windows(2).map(|two| two[1] - two[0]).max();
    let early = asked.iter().filter(|at| **at < asked[0] + Duration::from_millis(2500)).count();
    assert!(early <= 5 && pause >= Some(Duration::from_millis(2500)), "{early}, {pause:?}");
    Box::pin(app.stop_and_prove()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_is_not_well_is_asked_by_one_lead_at_a_time() {
    let ill = "HTTP/1.1 500 Ill\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (app, asked) = with_leads_for(ill, 40).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    // Without a breaker forty leads would ask more than two hundred times by then. Each look is
    // made up to three times.
    let count = asked.lock().unwrap().len();
    assert!((5..=42).contains(&count), "asked {count} times");
    let depth = outbox::depth(&mut app.trial.db()).unwrap();
    assert_eq!((depth.waiting, depth.dead), (40, 0));
    Box::pin(app.stop_and_prove()).await;
}
