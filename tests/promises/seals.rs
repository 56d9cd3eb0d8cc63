//! What was recorded is sealed. A later change is found, even by somebody who may do anything with the
//! database.

use std::process::{Command, Output};

use diesel::connection::SimpleConnection;
use serde_json::json;
use tallystick::clock;
use tallystick::ledger::seal::check::Outside;
use tallystick::ledger::seal::seal_all;
use tallystick::ledger::verify::{Proof, verify_against};
use tallystick::secrets::keys::Keys;
use tallystick::store::seals::SealOfEvent;
use tallystick::store::{Db, seals};

use crate::crash::Served;
use crate::harness::{
    Store, Trial, cloud_event, code, customer, member, payment, referral, refund, wait_until,
};

fn keys(trial: &Trial) -> Keys {
    Keys::load(&trial.settings.keys).unwrap()
}

fn seal(trial: &Trial) -> usize {
    seal_all(&mut trial.db(), &keys(trial).token).unwrap()
}

fn prove(trial: &Trial, heads: &[String]) -> Proof {
    let keys = keys(trial);
    let outside = Outside { key: Some(&keys.token), heads };
    verify_against(&mut trial.db(), outside).unwrap()
}

/// What `ledger verify` says, as it prints it.
fn said(trial: &Trial, heads: &[String]) -> Vec<String> {
    let line =
        |it: tallystick::store::proof::Finding| format!("{}: {}: {}", it.what, it.place, it.detail);
    prove(trial, heads).findings.into_iter().map(line).collect()
}

/// A database of three sealed transactions, its service stopped.
async fn sealed(store: Store) -> Trial {
    let app = Trial::on(store).start().await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
    shop.record(&refund("r-1", "p-1", "4.00")).await;
    seal(&app.trial);
    shop.record(&payment("p-2", "m-2", "20.00", "0.00")).await;
    seal(&app.trial);
    let trial = Box::pin(app.stop()).await;
    assert_eq!(said(&trial, &[]), Vec::<String>::new());
    trial
}

/// Runs statements as somebody who has switched off what stands against them.
fn behind_our_back(trial: &Trial, sql: &str) {
    match trial.db() {
        Db::Postgres(mut db) => {
            db.batch_execute("SET session_replication_role = replica").unwrap();
            db.batch_execute(sql).unwrap();
        }
        Db::Sqlite(mut db) => {
            let mut triggers = "PRAGMA foreign_keys = OFF;".to_owned();
            for table in
                ["events", "transactions", "entries", "lots", "blocks", "seals", "counters"]
            {
                triggers += &format!("DROP TRIGGER IF EXISTS {table}_no_update;");
                triggers += &format!("DROP TRIGGER IF EXISTS {table}_no_delete;");
            }
            triggers += "DROP TRIGGER IF EXISTS transactions_balance;";
            triggers += "DROP TRIGGER IF EXISTS accounts_only_balance;";
            triggers += "DROP TRIGGER IF EXISTS lots_only_parts;";
            db.batch_execute(&triggers).unwrap();
            db.batch_execute(sql).unwrap();
        }
    }
}

#[expect(clippy::panic, reason = "a test that finds no seal fails")]
fn id_of(trial: &Trial, event: &str) -> String {
    let key =
        tallystick::ids::EventKey::of(&"green-basket".parse().unwrap(), &event.parse().unwrap());
    let SealOfEvent::Sealed(seal) = seals::of_event(&mut trial.db(), key).unwrap() else {
        panic!("it is sealed")
    };
    tallystick::ids::hex(&seal.transaction)
}

/// A value of bytes in each store's own writing.
fn bytes(trial: &Trial, digits: &str) -> String {
    match trial.db() {
        Db::Postgres(_) => format!("'\\x{digits}'"),
        Db::Sqlite(_) => format!("x'{digits}'"),
    }
}

/// Makes a test of each store out of one that is given three sealed transactions.
macro_rules! with_seals {
    (async fn $name:ident($trial:ident) $body:block) => {
        mod $name {
            use super::*;

            async fn run($trial: Trial) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(Box::pin(sealed(Store::Sqlite)).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(Box::pin(sealed(Store::Postgres)).await).await;
            }
        }
    };
}

on_both_stores! {
    async fn what_is_recorded_is_sealed_soon(app) {
        let shop = app.partner("green-basket").await;
        let events: Vec<_> =
            (0..1_000).map(|it| payment(&format!("p-{it}"), &format!("m-{}", it % 9), "1.00", "0.00")).collect();
        for _ in 0..2 {
            assert_eq!(shop.post_batch(&events).await.status, 200);
        }
        let travel = app.partner("sunny-travel").await;
        travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
        wait_until(0, async || prove(&app.trial, &[]).sealed.unsealed).await;
        let proof = prove(&app.trial, &[]);
        assert_eq!((proof.sealed.transactions, proof.sealed.unsealed), (1_001, 0));
        assert!(proof.is_clean(), "{:?}", proof.findings);
        assert_eq!(seal(&app.trial), 0);
        app.leads_may_wait = true;
    }
}

on_both_stores! {
    async fn a_commit_that_was_late_is_sealed_all_the_same(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        seal(&app.trial);
        // Half a minute older than all that is sealed: beyond the near look, within the far one.
        let at = clock::now().utc().timestamp_millis() - 30_000;
        let id = bytes(&app.trial, &format!("{at:012x}70008000000000000000"));
        let now = "'2026-11-02 10:00:00'";
        let late = format!("INSERT INTO transactions VALUES ({id}, 'x', 0, '{{}}', {now}, {now});");
        match app.trial.db() {
            Db::Postgres(mut db) => db.batch_execute(&late).unwrap(),
            Db::Sqlite(mut db) => db.batch_execute(&late).unwrap(),
        }
        assert_eq!(seal(&app.trial), 1);
        // It is sealed; and no event stands for it, which is another matter.
        assert_eq!(said(&app.trial, &[]).len(), 1);
        behind_our_back(&app.trial, &format!("DELETE FROM transactions WHERE id = {id}; \
            DELETE FROM blocks WHERE position = 1; DELETE FROM seals WHERE block = 1;"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_seal_at_once_make_one_chain() {
    let trial = Trial::on(Store::Postgres);
    let gateways = [Served::start(&trial, &[]), Served::start(&trial, &[])];
    let shops = [
        gateways[0].partner(&trial, "green-basket").await,
        gateways[1].partner(&trial, "green-basket").await,
    ];
    for round in 0..20 {
        for (side, shop) in shops.iter().enumerate() {
            let event = |it| payment(&format!("p-{round}-{side}-{it}"), "m-1", "1.00", "0.00");
            let events: Vec<_> = (0..50).map(event).collect();
            assert_eq!(shop.post_batch(&events).await.status, 200);
        }
        seal(&trial);
    }
    for gateway in gateways {
        assert!(gateway.stop().success());
    }
    seal(&trial);
    let proof = prove(&trial, &[]);
    assert!(proof.is_clean(), "{:?}", proof.findings);
    assert_eq!((proof.sealed.transactions, proof.sealed.unsealed), (2_000, 0));
}

/// What is counted and what holds are worth is proved from the events, whoever changed it.
async fn counters_and_holds_are_proved(store: Store) {
    let app = Trial::on(store).start().await;
    let shop = app.partner("green-basket").await;
    let person = customer(&app, "c-1");
    let reference = member(&person, "green-basket").await;
    shop.record(&payment("p-1", &reference, "100.00", "0.00")).await;
    let at = "2026-11-02T10:00:00Z";
    let data = json!({ "code": code(&person).await, "points": "60.00" });
    shop.record(&cloud_event("h-1", "redemption.held", at, data)).await;
    shop.record(&cloud_event("c-1", "redemption.committed", at, json!({ "hold": "h-1" }))).await;
    let trial = Box::pin(app.stop()).await;
    assert_eq!(trial.findings(), []);
    let found = |trial: &Trial| -> Vec<String> {
        trial.findings().into_iter().map(|finding| finding.what).collect()
    };
    behind_our_back(&trial, "UPDATE holds SET value = value + 1");
    assert_eq!(found(&trial), ["hold"]);
    behind_our_back(&trial, "UPDATE holds SET value = value - 1");
    assert_eq!(trial.findings(), []);
    behind_our_back(&trial, "DELETE FROM counters");
    let gone = found(&trial);
    assert!(!gone.is_empty() && gone.iter().all(|what| what == "counter"), "{gone:?}");
}

on_both_stores!(counters_and_holds_are_proved);

with_seals! {
    async fn a_changed_row_is_found_and_named(trial) {
        let id = id_of(&trial, "p-2");
        let row = format!("WHERE transaction_id = {}", bytes(&trial, &id));
        let changed = format!("seal: transactions {id}: is not what was sealed");
        let of_id = row.replace("transaction_id", "id");
        let cases = [
            ("entries SET rule = rule || '!'", "entries SET rule = replace(rule, '!', '')", &row),
            ("entries SET amount = amount * 2", "entries SET amount = amount / 2", &row),
            ("transactions SET receipt = receipt || ' '", "transactions SET receipt = trim(receipt)", &of_id),
            ("events SET body = body || ' '", "events SET body = trim(body)", &row),
            ("events SET amount = amount + 1", "events SET amount = amount - 1", &row),
            ("lots SET rule = rule || '!'", "lots SET rule = replace(rule, '!', '')", &row),
        ];
        for (change, back, of) in cases {
            behind_our_back(&trial, &format!("UPDATE {change} {of}"));
            let found = said(&trial, &[]);
            assert!(found.contains(&changed), "{change}: {found:?}");
            behind_our_back(&trial, &format!("UPDATE {back} {of}"));
            assert_eq!(said(&trial, &[]), Vec::<String>::new(), "{back}");
        }
        behind_our_back(&trial, "UPDATE accounts SET balance = balance + 1 WHERE code = 'points_liability'");
        let found = said(&trial, &[]);
        assert!(found.len() == 1 && found[0].starts_with("balance: bank/"), "{found:?}");
    }
}

with_seals! {
    async fn an_account_given_to_somebody_else_is_found_and_named(trial) {
        let thief = "00000000-0000-7000-8000-000000000000";
        behind_our_back(&trial, &format!("UPDATE accounts SET owner = '{thief}' WHERE \
            code = 'points_available' AND balance = 2000"));
        let found = said(&trial, &[]);
        let name = format!("account: customer/{thief}/points_available/PTS: ");
        assert!(found.len() == 1 && found[0].starts_with(&name), "{found:?}");
    }
}

with_seals! {
    async fn what_was_removed_is_found_and_named(trial) {
        let id = id_of(&trial, "p-2");
        let key = bytes(&trial, &id);
        behind_our_back(&trial, &format!(
            "UPDATE accounts SET balance = balance - (SELECT COALESCE(SUM(amount), 0) FROM entries \
             WHERE account_id = accounts.id AND transaction_id = {key}); \
             DELETE FROM lots WHERE transaction_id = {key}; \
             DELETE FROM entries WHERE transaction_id = {key}; \
             DELETE FROM events WHERE transaction_id = {key}; \
             DELETE FROM transactions WHERE id = {key};"
        ));
        assert_eq!(said(&trial, &[]), [format!("seal: transactions {id}: was sealed, and is gone")]);
    }
}

with_seals! {
    async fn what_was_added_is_found_and_named(trial) {
        let at = "'2026-11-02 10:00:00'";
        // One that is made to look new, and one that is made to look old.
        let now = clock::now().utc().timestamp_millis();
        let new = format!("{now:012x}70008000000000000000");
        let old = format!("{:012x}70008000000000000000", now - 7_200_000);
        for id in [&new, &old] {
            let key = bytes(&trial, id);
            let copied = |sign: &str, seq: i64| format!(
                "INSERT INTO entries (transaction_id, seq, account_id, asset, amount, rule, \
                 effective_at, recorded_at) SELECT {key}, {seq}, account_id, asset, {sign}500, rule, \
                 effective_at, recorded_at FROM entries WHERE asset = 'PTS' AND lot_id IS NULL \
                 ORDER BY transaction_id, seq LIMIT 1;"
            );
            let transaction =
                format!("INSERT INTO transactions VALUES ({key}, 'payment.discounted', 2, '{{}}', {at}, {at});");
            behind_our_back(&trial, &(copied("", 0) + &copied("-", 1) + &transaction));
        }
        let expected = |id: &str| format!("seal: transactions {id}: no event stands for it");
        let late = format!("seal: transactions {old}: is an hour older than what was sealed before it: it was added afterwards");
        // Before the sealer comes to them, and after.
        for _ in 0..2 {
            let found = said(&trial, &[]);
            assert_eq!(found.len(), 3, "{found:?}");
            for it in [expected(&new), expected(&old), late.clone()] {
                assert!(found.contains(&it), "{it}: {found:?}");
            }
            seal(&trial);
        }
    }
}

with_seals! {
    async fn a_chain_that_was_cut_off_or_made_anew_is_found(trial) {
        let heads: Vec<String> = seals::blocks_from(&mut trial.db(), 0, 100)
            .unwrap()
            .into_iter()
            .map(|stored| stored.head)
            .collect();
        let last = heads.len() - 1;
        assert_eq!(said(&trial, &heads), Vec::<String>::new());
        // The seals of a block, and then the block with what it sealed: all in order inside.
        let key = bytes(&trial, &id_of(&trial, "p-2"));
        behind_our_back(&trial, &format!("DELETE FROM seals WHERE block = {last}"));
        let found = said(&trial, &heads);
        assert_eq!(found, [format!("chain: blocks {last}: its seals are not those that it was made of")]);
        behind_our_back(&trial, &format!(
            "DELETE FROM blocks WHERE position = {last}; \
             UPDATE accounts SET balance = balance - (SELECT COALESCE(SUM(amount), 0) FROM entries \
             WHERE account_id = accounts.id AND transaction_id = {key}); \
             DELETE FROM lots WHERE transaction_id = {key}; \
             DELETE FROM entries WHERE transaction_id = {key}; \
             DELETE FROM events WHERE transaction_id = {key}; \
             DELETE FROM transactions WHERE id = {key};"
        ));
        assert_eq!(said(&trial, &[]), Vec::<String>::new());
        let gone = format!("head: heads line {}, block {last}: is gone: the end of the chain was cut off", last + 1);
        assert_eq!(said(&trial, &heads), [gone]);
        // All of it made anew, even with the key at hand: the heads kept outside say otherwise.
        behind_our_back(&trial, "DELETE FROM seals; DELETE FROM blocks;");
        seal(&trial);
        assert_eq!(said(&trial, &[]), Vec::<String>::new());
        let found = said(&trial, &heads);
        assert!(found[0].ends_with("block 0: is another now: the chain was made anew"), "{found:?}");
        // And without it: the head is signed by somebody else.
        behind_our_back(&trial, "DELETE FROM seals; DELETE FROM blocks;");
        let elsewhere = tempfile::tempdir().unwrap();
        let (other, _made) = Keys::load_or_create(&elsewhere.path().join("keys")).unwrap();
        seal_all(&mut trial.db(), &other.token).unwrap();
        assert!(said(&trial, &[])[0].contains("signed by the key at hand"));
    }
}

/// `tallystick ledger …` on a trial's database, with its keys.
fn ledger(trial: &Trial, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .arg("ledger")
        .args(arguments)
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

with_seals! {
    async fn heads_that_were_printed_are_what_the_chain_is_held_against(trial) {
        assert_eq!(ledger(&trial, &["seal"]), (Some(0), "0 sealed\n".to_owned()));
        let (_code, all) = ledger(&trial, &["heads", "--from", "0"]);
        let (_code, newest) = ledger(&trial, &["heads"]);
        assert!(all.lines().count() > 1 && all.ends_with(&newest), "{all}");
        let file = trial.folder.path().join("heads.jsonl");
        std::fs::write(&file, &all).unwrap();
        let verify = ["verify", "--heads", file.to_str().unwrap()];
        let (code, said) = ledger(&trial, &verify);
        assert!(code == Some(0) && said.contains("3 transactions sealed in"), "{said}");
        std::fs::write(&file, all.replace("\"head\":\"eyJ", "\"head\":\"eyK")).unwrap();
        let (code, said) = ledger(&trial, &verify);
        assert!(code == Some(1) && said.contains("heads line 1: is not a head"), "{said}");
        std::fs::write(&file, "no head\n").unwrap();
        let (code, said) = ledger(&trial, &verify);
        assert!(code == Some(2) && said.contains("line 1"), "{said}");
    }
}
