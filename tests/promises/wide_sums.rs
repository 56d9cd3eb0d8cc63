//! A report adds up what no balance could hold, and never fails for it.

use tallystick::clock;
use tallystick::ledger::{Cutoff, TransactionKind, as_of};
use tallystick::store::accounts;

use crate::as_of::{ledger, printed};
use crate::guards::forge;
use crate::harness::{Store, Trial, payment};

async fn sums_beyond_64_bits_are_reported(store: Store) {
    let app = Trial::on(store).start().await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
    let all = accounts::all(&mut app.trial.db()).unwrap();
    let person = all.iter().find_map(|(account, _)| account.customer_id()).unwrap();
    // Mistyped and taken back, three times: the balance is as before, the month's sums are not.
    for _ in 0..3 {
        forge(&app, TransactionKind::Payment, person, 9_000_000_000_000_000_000);
        forge(&app, TransactionKind::Refund, person, -9_000_000_000_000_000_000);
    }
    let month = clock::now().day_in(app.trial.settings.time_zone).format("%Y-%m").to_string();
    let report = printed(&app.trial, &["liability", "--month", &month, "--by", "recorded"]);
    assert!(report.contains("270000000000000000.00"), "{report}");
    assert!(report.contains("-270000000000000000.00"), "{report}");
    for command in [&["outstanding"][..], &["accounts"], &["accounts", "--as-of", "2027-12-31"]] {
        let done = ledger(&app.trial, command);
        assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let kept = accounts::all(&mut app.trial.db()).unwrap();
    assert_eq!(as_of::balances(&mut app.trial.db(), Cutoff::NONE).unwrap(), kept);
    drop(Box::pin(app.stop()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_beyond_64_bits_are_reported_sqlite() {
    Box::pin(sums_beyond_64_bits_are_reported(Store::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_beyond_64_bits_are_reported_postgres() {
    Box::pin(sums_beyond_64_bits_are_reported(Store::Postgres)).await;
}
