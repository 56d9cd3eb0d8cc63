//! What the books held at any past moment, by when things happened and by when they were recorded.

use std::process::{Command, Output};

use serde_json::json;
use tallystick::clock::{self, Moment};
use tallystick::ledger::cutoff::By;
use tallystick::ledger::{AccountCode, Cutoff, as_of};
use tallystick::store::accounts;

use crate::harness::{TestApp, Trial, payment, refund};

/// `tallystick ledger …` beside the service.
pub fn command(trial: &Trial, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallystick"));
    command
        .current_dir(trial.folder.path())
        .arg("ledger")
        .args(arguments)
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_LOG__LEVEL", "error");
    command
}

pub fn ledger(trial: &Trial, arguments: &[&str]) -> Output {
    command(trial, arguments).output().unwrap()
}

/// What the command printed; it must have gone well.
pub fn printed(trial: &Trial, arguments: &[&str]) -> String {
    let output = ledger(trial, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn points(app: &TestApp, cutoff: Cutoff) -> String {
    let all = as_of::balances(&mut app.trial.db(), cutoff).unwrap();
    let points = all.iter().filter(|(account, _)| account.code == AccountCode::POINTS_AVAILABLE);
    let each: Vec<String> = points
        .map(|(account, balance)| {
            let alone = as_of::balance(&mut app.trial.db(), account, cutoff).unwrap();
            assert_eq!(alone, *balance);
            balance.to_string()
        })
        .collect();
    each.join(" ")
}

on_both_stores! {
    async fn a_file_that_arrives_next_morning_counts_yesterday_by_when_it_happened(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        // What we knew at the end of the day, before the rest of the day's payments came.
        let evening = clock::now();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let mut late = payment("p-2", "m-1", "5.00", "0.00");
        late["time"] = json!("2026-11-02T15:59:59.999999Z");
        shop.record(&late).await;
        late["id"] = json!("p-3");
        late["time"] = json!("2026-11-02T16:00:00Z"); // midnight in Shanghai
        shop.record(&late).await;
        let zone = app.trial.settings.time_zone;
        let day = |day: &str| Cutoff::parse(day, By::Effective, zone).unwrap();
        assert_eq!(points(app, day("2026-11-01")), "");
        assert_eq!(points(app, day("2026-11-02")), "15.00");
        assert_eq!(points(app, day("2026-11-03")), "20.00");
        assert_eq!(points(app, Cutoff::through(evening, By::Recorded)), "10.00");
        // What we knew then of that day.
        let both = Cutoff { recorded: evening, ..day("2026-11-02") };
        assert_eq!(points(app, both), "10.00");
    }
}

on_both_stores! {
    async fn as_of_now_is_what_the_accounts_keep(app) {
        let shop = app.partner("green-basket").await;
        for number in 0..20 {
            let id = format!("p-{number}");
            let mut event = payment(&id, &format!("m-{}", number % 7), "333.33", "30.00");
            event["data"]["scheme"] = json!("spend-200-save-30");
            shop.record(&event).await;
            shop.record(&refund(&format!("r-{number}"), &id, &format!("{}.07", number))).await;
        }
        let mut db = app.trial.db();
        let kept = accounts::all(&mut db).unwrap();
        for by in [By::Effective, By::Recorded] {
            let cutoff = Cutoff::through(clock::now(), by);
            assert_eq!(as_of::balances(&mut db, cutoff).unwrap(), kept, "{by:?}");
        }
        assert_eq!(as_of::balances(&mut db, Cutoff::NONE).unwrap(), kept);
        // Entries sum to zero at every moment between.
        let after_payments = Moment::parse("2026-11-02T12:00:00Z").unwrap();
        let then = as_of::balances(&mut db, Cutoff::through(after_payments, By::Effective)).unwrap();
        assert_eq!(then.iter().map(|(_, balance)| balance.minor()).sum::<i64>(), 0);
        assert_ne!(then, kept);
    }
}

on_both_stores! {
    async fn the_command_prints_a_past_trial_balance(app) {
        app.partner("green-basket").await.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        let csv = |more: &[&str]| {
            printed(&app.trial, &[&["accounts", "--csv"][..], more].concat())
        };
        let now = csv(&[]);
        assert_eq!(now.lines().count(), 4, "{now}");
        assert_eq!(csv(&["--as-of", "2026-11-02"]), now);
        assert_eq!(csv(&["--as-of", "2026-11-02T18:15:30+08:00"]), now);
        assert_eq!(csv(&["--as-of", "2026-11-02T18:15:29+08:00"]).lines().count(), 1);
        assert_eq!(csv(&["--as-of", "2026-11-02", "--by", "recorded"]).lines().count(), 1);
        let text = printed(&app.trial, &["accounts", "--as-of", "2026-11-02"]);
        assert!(text.contains("1 customers") && text.contains("10.00 PTS"), "{text}");
        let refused = ledger(&app.trial, &["accounts", "--as-of", "yesterday"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(said.contains("\"yesterday\" is neither a moment"), "{said}");
    }
}
