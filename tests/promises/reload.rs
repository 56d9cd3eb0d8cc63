//! The partners' folder is read again while requests go on: valid changes hold at once, and invalid
//! ones change nothing; each is on record.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tallystick::partner::Status;
use tallystick::store::conformance::{self, Run};
use tallystick::store::partners::{self, Change};

use crate::harness::{Answer, Store, TestApp, Trial, payment, refund};

fn manifest(app: &TestApp, partner: &str) -> PathBuf {
    app.trial.settings.partners.join(partner).join("partner.toml")
}

/// Edits a manifest as an operator would, and tells the gateway.
pub async fn edit(app: &TestApp, partner: &str, from: &str, to: &str) {
    let path = manifest(app, partner);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{partner} has no {from:?}");
    let before = changes(app, partner).len() + changes(app, "(folder)").len();
    let beside = path.with_extension("new");
    std::fs::write(&beside, text.replacen(from, to, 1)).unwrap();
    std::fs::rename(&beside, &path).unwrap();
    app.partners_changed();
    let recorded = || changes(app, partner).len() + changes(app, "(folder)").len() > before;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if recorded() {
            break;
        }
    }
    assert!(recorded(), "the change was not recorded");
    // The record is written, then the registry changed.
    tokio::time::sleep(Duration::from_millis(20)).await;
}

fn changes(app: &TestApp, partner: &str) -> Vec<Change> {
    let file =
        if partner == "(folder)" { partner.to_owned() } else { format!("{partner}/partner.toml") };
    partners::history(&mut app.trial.db(), Some(&file)).unwrap()
}

/// How a change was refused.
async fn refused(app: &TestApp, partner: &str, from: &str, to: &str) -> String {
    edit(app, partner, from, to).await;
    let last = changes(app, partner).pop().unwrap();
    // The operator takes it back.
    let path = manifest(app, partner);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen(to, from, 1)).unwrap();
    last.reasons
}

pub async fn set_status(app: &TestApp, partner: &str, from: Status, to: Status) {
    if to == Status::Conformant {
        pass(app, partner);
    }
    let status = |status: Status| format!("status = \"{status}\"");
    edit(app, partner, &status(from), &status(to)).await;
    let last = changes(app, partner).pop().unwrap();
    assert_eq!((last.status, last.reasons.as_str()), (Some(to), ""));
}

/// The conformance kit has passed.
fn pass(app: &TestApp, partner: &str) {
    let (partner, recorded_at) = (&partner.try_into().unwrap(), tallystick::clock::now());
    let run = Run { partner, recorded_at, passed: true, report: "{}" };
    app.trial.db().write(|tx| conformance::insert(tx, &run)).unwrap();
}

fn slug(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["type"].as_str().unwrap_or_default())
}

on_both_stores! {
    async fn a_change_of_a_manifest_holds_without_a_restart(app) {
        let partner = app.partner("green-basket").await;
        let points = |receipt: &Value| receipt["postings"][0]["amount"].clone();
        let before = partner.record(&payment("e-1", "m-1", "100.00", "0.00")).await;
        assert_eq!(points(&before), "100.00");
        edit(app, "green-basket", "points_per_unit = \"1\"", "points_per_unit = \"2\"").await;
        let after = partner.record(&payment("e-2", "m-1", "100.00", "0.00")).await;
        assert_eq!(points(&after), "200.00");
        // A partner off the list is refused at once, whatever its token says.
        let status = ("status = \"sandbox\"", "status = \"suspended\"");
        edit(app, "green-basket", status.0, status.1).await;
        let answer = partner.post(&payment("e-3", "m-1", "100.00", "0.00")).await;
        assert_eq!(slug(&answer), (403, "/problems/partner-not-listed"));
        let history = changes(app, "green-basket");
        let told: Vec<_> = history.iter().map(|it| (it.number, it.cause.as_str(), it.status)).collect();
        let (sandbox, suspended) = (Some(Status::Sandbox), Some(Status::Suspended));
        assert_eq!(told, [(1, "start", sandbox), (2, "signal", sandbox), (3, "signal", suspended)]);
        assert!(history[1].content.as_ref().unwrap().contains("points_per_unit = \"2\""));
    }
}

on_both_stores! {
    async fn an_invalid_change_is_refused_whole_and_the_old_rules_go_on(app) {
        let partner = app.partner("green-basket").await;
        // Two files change; one of them is wrong: neither holds.
        let other = manifest(app, "lotus-tea");
        let text = std::fs::read_to_string(&other).unwrap();
        let suspended = text.replace("status = \"sandbox\"", "status = \"suspended\"");
        std::fs::write(&other, &suspended).unwrap();
        edit(app, "green-basket", "points_per_unit = \"1\"", "points_per_unit = \"many\"").await;
        let receipt = partner.record(&payment("e-1", "m-1", "100.00", "0.00")).await;
        assert_eq!(receipt["postings"][0]["amount"], "100.00");
        app.partner("lotus-tea").await.record(&payment("e-1", "m-1", "10.00", "0.00")).await;
        let last = changes(app, "(folder)").pop().unwrap();
        assert!(last.reasons.starts_with("green-basket/partner.toml:"), "{}", last.reasons);
        // Mended, both hold.
        edit(app, "green-basket", "points_per_unit = \"many\"", "points_per_unit = \"3\"").await;
        let receipt = partner.record(&payment("e-2", "m-1", "100.00", "0.00")).await;
        assert_eq!(receipt["postings"][0]["amount"], "300.00");
        assert_eq!(changes(app, "lotus-tea").pop().unwrap().status, Some(Status::Suspended));
    }
}

on_both_stores! {
    async fn no_request_is_lost_while_the_partners_change(app) {
        let partner = app.partner("green-basket").await;
        let posting = tokio::spawn(async move {
            for number in 0..60 {
                partner.record(&payment(&format!("e-{number}"), "m-1", "100.00", "0.00")).await;
            }
        });
        for round in 0..6 {
            let (from, to) = (format!("\"{}\"  # for", round + 1), format!("\"{}\"  # for", round + 2));
            edit(app, "green-basket", &from, &to).await;
        }
        posting.await.unwrap();
        assert_eq!(changes(app, "green-basket").len(), 7);
    }
}

on_both_stores! {
    sandboxed async fn a_rule_in_force_is_ended_and_never_rewritten(app) {
        for (from, to) in
            [(Status::Sandbox, Status::Conformant), (Status::Conformant, Status::Pilot)]
        {
            if to == Status::Pilot {
                edit(app, "green-basket", "[access]", "[access]\nevents_per_day = 1000").await;
            }
            set_status(app, "green-basket", from, to).await;
        }
        let per_unit = ("points_per_unit = \"1\"", "points_per_unit = \"2\"");
        let why = refused(app, "green-basket", per_unit.0, per_unit.1).await;
        assert!(why.contains("earning base version 1 has been in force"), "{why}");
        let (begin, end) = ("version = 1\nfrom = \"2017-01-01\"\npoints", "until = \"2035-01-01\"\n");
        let ended = begin.replace("points", &format!("{end}points"));
        edit(app, "green-basket", begin, &ended).await;
        assert_eq!(changes(app, "green-basket").pop().unwrap().reasons, "");
    }
}

on_both_stores! {
    sandboxed async fn a_partner_leaves_one_status_at_a_time(app) {
        let partner = app.partner("green-basket").await;
        let why = refused(app, "green-basket", "status = \"sandbox\"", "status = \"full\"").await;
        assert_eq!(
            why, "full does not follow sandbox: expected conformant, suspended, closed"
        );
        edit(app, "green-basket", "[access]", "[access]\nevents_per_day = 1000").await;
        use Status::{Conformant, Drained, Frozen, Full, Pilot, Sandbox};
        for pair in [Sandbox, Conformant, Pilot, Full].windows(2) {
            set_status(app, "green-basket", pair[0], pair[1]).await;
        }
        partner.record(&payment("e-1", "m-1", "100.00", "0.00")).await;
        set_status(app, "green-basket", Full, Frozen).await;
        // What is open may end, and nothing new begins.
        let answer = partner.post(&payment("e-2", "m-1", "100.00", "0.00")).await;
        assert_eq!(slug(&answer), (403, "/problems/partner-not-listed"));
        assert!(answer.body["detail"].as_str().unwrap().contains("start nothing new"));
        partner.record(&refund("r-1", "e-1", "40.00")).await;
        set_status(app, "green-basket", Frozen, Drained).await;
        let answer = partner.post(&refund("r-2", "e-1", "60.00")).await;
        assert_eq!(answer.status, 403);
        assert_eq!(partner.get("/v1/events/e-1").await.status, 200);
        // It still owes its share of the points.
        let status = ("status = \"drained\"", "status = \"settled\"");
        let why = refused(app, "green-basket", status.0, status.1).await;
        assert!(why.contains("accounts between it and the bank are not at zero"), "{why}");
        // One that is not closed is not taken away either.
        std::fs::remove_file(manifest(app, "green-basket")).unwrap();
        app.partners_changed();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(changes(app, "green-basket").pop().unwrap().reasons.contains("taken away"));
        assert_eq!(partner.get("/v1/events/e-1").await.status, 200);
    }
}

on_both_stores! {
    async fn a_pilot_stops_at_its_cap_to_the_event_and_goes_on_the_next_day(app) {
        edit(app, "green-basket", "[access]", "[access]\nevents_per_day = 7").await;
        let partner = app.partner("green-basket").await;
        let events: Vec<Value> =
            (0..5).map(|n| payment(&format!("e-{n}"), "m-1", "10.00", "0.00")).collect();
        partner.post_batch(&events).await;
        // A replay is no new event.
        assert_eq!(partner.post(&events[0]).await.status, 200);
        let more = (5..40).map(|n| {
            let (partner, event) = (partner.clone(), payment(&format!("e-{n}"), "m-1", "10.00", "0.00"));
            tokio::spawn(async move { partner.post(&event).await })
        });
        let mut taken = 0;
        for answer in more.collect::<Vec<_>>() {
            let answer = answer.await.unwrap();
            if answer.status == 201 {
                taken += 1;
                continue;
            }
            assert_eq!(slug(&answer), (429, "/problems/quota-exceeded"));
            let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=86_400).contains(&seconds));
        }
        assert_eq!(taken, 2);
        edit(app, "green-basket", "events_per_day = 7", "events_per_day = 8").await;
        partner.record(&payment("e-99", "m-1", "10.00", "0.00")).await;
        assert_eq!(partner.post(&payment("e-100", "m-1", "10.00", "0.00")).await.status, 429);
    }
}

/// The signal by which an operator tells a running gateway.
#[tokio::test(flavor = "multi_thread")]
async fn sighup_and_a_changed_file_are_noticed_by_the_running_program() {
    let trial = Trial::on(Store::Sqlite);
    let mut serving = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", format!("sqlite://{}", trial.folder.path().join("test.db").display()))
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_PARTNERS_MILLIS", "200")
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "warn")
        .spawn()
        .unwrap();
    let path = trial.settings.partners.join("lotus-tea/partner.toml");
    let recorded = |cause: &str| {
        let history = partners::history(&mut trial.db(), Some("lotus-tea/partner.toml"));
        history.is_ok_and(|history| history.iter().any(|change| change.cause == cause))
    };
    let until = async |cause: &str| {
        for _ in 0..4_000 {
            tokio::time::sleep(Duration::from_millis(25)).await;
            if recorded(cause) {
                break;
            }
        }
        assert!(recorded(cause), "nothing was recorded by {cause}");
    };
    until("start").await;
    let text = std::fs::read_to_string(&path).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    std::fs::write(&path, format!("{text}# one\n")).unwrap();
    until("file").await;
    let mut sent = 0;
    while !recorded("signal") {
        sent += 1;
        assert!(sent < 1_000);
        // A signal that comes right upon a change of the file finds it taken up: change it again.
        std::fs::write(&path, format!("{text}# {sent} again\n")).unwrap();
        let pid = serving.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    serving.kill().unwrap();
    serving.wait().unwrap();
}
