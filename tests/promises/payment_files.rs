//! Partners' files as other people's programs write them: line ends, byte order marks, charsets,
//! separators and packings. What cannot be taken is refused by what was seen; what was refused for a
//! while can be taken later; and a partner that is stopped stops its file.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tallystick::ids::{ImportId, PartnerId};
use tallystick::store::imports;

use crate::harness::{Partner, TestApp};
use crate::uploads::{DAY, ended, file, upload};

fn kept(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/promises/payment_files");
    std::fs::read(folder.join(name)).unwrap()
}

async fn taken_in(shop: &Partner, content: &[u8]) -> Value {
    ended(shop, &upload(shop, content, &DAY).await).await
}

fn count(import: &Value, what: &str) -> u64 {
    import["lines"][what].as_u64().unwrap()
}

/// The rows of a reject file; a strict reader refuses one that is not rectangular.
async fn rejects(shop: &Partner, import: &Value) -> Vec<Vec<String>> {
    let id = import["id"].as_str().unwrap();
    let answer = shop.get(&format!("/v1/imports/{id}/rejects")).await;
    assert_eq!(answer.status, 200);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).from_reader(answer.text.as_bytes());
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

on_both_stores! {
    async fn rejected_lines_are_numbered_as_an_editor_numbers_them(app) {
        let shop = app.partner("green-basket").await;
        for (name, right) in [
            ("lf.csv", ["3", "5"]),
            ("crlf.csv", ["3", "5"]),
            ("cr.csv", ["3", "5"]),
            ("blank-lines.csv", ["5", "7"]),
            ("mixed.csv", ["3", "4"]),
        ] {
            let import = taken_in(&shop, &kept(name)).await;
            assert_eq!((&import["state"], count(&import, "rejected")), (&json!("done"), 2), "{name}");
            let rows = rejects(&shop, &import).await;
            let numbers: Vec<&str> = rows[1..].iter().map(|row| row[0].as_str()).collect();
            assert_eq!(numbers, right, "{name}");
        }
        // A quoted field may hold line ends of its own, and a line that cannot be decoded counts, too.
        let header = "payment_id,household,store,occurred_at,gross,discount,paid,note\r\n";
        let good = |id: &str| format!("{id},m-1,S1,2026-11-20T10:00:00Z,1.00,0.00,1.00,");
        let text = format!(
            "{header}{}\"a\r\nb\nc\"\r\n\r\n{}\"x\"\r\nbad,m-1\r\n{}",
            good("q-1"),
            good("q-2"),
            good("q-3")
        );
        let content = [text.as_bytes(), b"\xff\r\nbad-2\r\n"].concat();
        let import = taken_in(&shop, &content).await;
        let rows = rejects(&shop, &import).await;
        let seen: Vec<(&str, &str)> =
            rows[1..].iter().map(|row| (row[0].as_str(), row[2].as_str())).collect();
        assert_eq!(seen, [("7", "bad"), ("8", "q-3"), ("9", "bad-2")]);
    }
}

on_both_stores! {
    async fn a_byte_order_mark_is_no_part_of_a_heading(app) {
        let shop = app.partner("green-basket").await;
        for (name, charset) in [
            ("bom-plain.csv", "utf-8"),
            ("bom-quoted.csv", "utf-8"),
            ("gb18030-bom-quoted.csv", "gb18030"),
        ] {
            let import = taken_in(&shop, &kept(name)).await;
            assert_eq!((count(&import, "recorded"), count(&import, "rejected")), (1, 0), "{name}");
            assert_eq!(import["charset"], charset, "{name}");
        }
    }
}

on_both_stores! {
    async fn chinese_that_happens_to_be_utf8_does_not_hide_gb18030(app) {
        let shop = app.partner("green-basket").await;
        for name in ["sex-gb18030.csv", "unit-gb18030.csv", "header-gb18030.csv"] {
            let import = taken_in(&shop, &kept(name)).await;
            assert_eq!((&import["state"], &import["charset"]), (&json!("done"), &json!("gb18030")), "{name}: {import}");
            assert!(count(&import, "recorded") > 0, "{name}");
            let rows = rejects(&shop, &import).await;
            assert!(rows[1..].iter().all(|row| !row[1].contains("not UTF-8")), "{name}: {rows:?}");
        }
    }
}

on_both_stores! {
    async fn a_file_is_refused_by_what_was_seen(app) {
        let shop = app.partner("green-basket").await;
        for (name, words) in [
            ("dup-first.csv", ["\"paid\"", "twice"]),
            ("dup-last.csv", ["\"paid\"", "twice"]),
            ("empty.csv", ["empty", ""]),
            ("semicolon.csv", ["semicolon", "payment_id"]),
            ("tab.csv", ["a tab", "payment_id"]),
            ("sep-line.csv", ["sep=", "leave it out"]),
            ("capitals.csv", ["\"PAYMENT_ID\"", "payment_id"]),
            ("no-header.csv", ["looks like data", "payment_id"]),
            ("utf16.csv", ["UTF-16", "CSV"]),
            ("packed-twice.csv.gz", ["packed twice", "gzip"]),
        ] {
            let import = taken_in(&shop, &kept(name)).await;
            let failure = import["failure"].as_str().unwrap_or_default();
            assert_eq!(import["state"], "failed", "{name}: {import}");
            assert!(words.iter().all(|word| failure.contains(word)), "{name}: {failure}");
            assert_eq!(count(&import, "recorded"), 0);
        }
        // Nothing of a line that stands where the header should is repeated.
        let import = taken_in(&shop, &kept("no-header.csv")).await;
        assert!(!import["failure"].as_str().unwrap().contains("nh-1"), "{import}");
        // gzip itself ignores zero bytes behind its end.
        let import = taken_in(&shop, &kept("zero-padded.csv.gz")).await;
        assert_eq!((&import["state"], &import["packed"]), (&json!("done"), &json!(true)), "{import}");
        assert!(count(&import, "recorded") > 0);
    }
}

on_both_stores! {
    async fn a_reject_file_is_rectangular_has_the_files_header_and_runs_no_formula(app) {
        let shop = app.partner("green-basket").await;
        let import = taken_in(&shop, &kept("formula.csv")).await;
        assert!(count(&import, "rejected") > 0, "{import}");
        let more = "payment_id,household,store,occurred_at,gross,discount,paid\n\
                    t-1,m-1,a,b,2026-11-20T10:00:00Z,1.00,0.00,1.00\n\
                    t-2\n\
                    t-3,m-1,S1,2026-11-20T10:00:00Z,-1.00,0.00,-1.00\n";
        let other = taken_in(&shop, more.as_bytes()).await;
        assert_eq!(count(&other, "rejected"), 3);
        for import in [import, other] {
            let rows = rejects(&shop, &import).await;
            assert_eq!(
                rows[0],
                ["line", "reason", "payment_id", "household", "store", "occurred_at", "gross", "discount", "paid"]
            );
            for cell in rows.iter().flatten() {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
            }
        }
        // A file without rejected lines has a header alone.
        let good = taken_in(&shop, file(2).as_bytes()).await;
        assert_eq!(rejects(&shop, &good).await, [["line", "reason"]]);
    }
}

/// Edits a manifest as an operator would, and waits until a partner sees what follows from it.
async fn edit(app: &TestApp, partner: &str, from: &str, to: &str) {
    let path = app.trial.settings.partners.join(partner).join("partner.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{partner} has no {from:?}");
    let beside = path.with_extension("new");
    std::fs::write(&beside, text.replacen(from, to, 1)).unwrap();
    std::fs::rename(&beside, &path).unwrap();
    app.partners_changed();
}

#[expect(clippy::panic, reason = "what does not come in time fails the test")]
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: it does not come to that");
}

on_both_stores! {
    async fn a_partner_that_is_suspended_stops_its_file_and_goes_on_with_it_afterwards(app) {
        const LINES: usize = 8_000;
        let shop = app.partner("green-basket").await;
        let url = upload(&shop, file(LINES).as_bytes(), &DAY).await;
        let read = async || count(&shop.get(&url).await.body, "read");
        until("the file is begun", async || read().await > 0).await;
        edit(app, "green-basket", "status = \"sandbox\"", "status = \"suspended\"").await;
        until("the partner is refused", async || shop.get(&url).await.status == 403).await;
        let id = ImportId::try_from(url.rsplit('/').next().unwrap()).unwrap();
        let recorded = || {
            let partner = PartnerId::try_from("green-basket").unwrap();
            let import = imports::get(&mut app.trial.db(), &partner, id).unwrap().unwrap();
            import.lines.recorded
        };
        // The group under way may still end.
        let mut before = recorded();
        until("nothing more is recorded", async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = recorded();
            std::mem::replace(&mut before, now) == now
        })
        .await;
        assert!(before < i64::try_from(LINES).unwrap(), "the file was over before the partner was stopped");
        edit(app, "green-basket", "status = \"suspended\"", "status = \"sandbox\"").await;
        until("the partner is listed again", async || shop.get(&url).await.status == 200).await;
        let import = ended(&shop, &url).await;
        let total = count(&import, "recorded") + count(&import, "recorded_before");
        let later = count(&import, "rejected");
        assert_eq!((&import["state"], total + later), (&json!("done"), u64::try_from(LINES).unwrap()));
    }
}

on_both_stores! {
    async fn lines_refused_for_a_while_are_taken_later_by_the_same_file(app) {
        let cap = "[access]\nevents_per_day = 5";
        edit(app, "green-basket", "[access]", cap).await;
        app.restart().await;
        let shop = app.partner("green-basket").await;
        let first = taken_in(&shop, file(8).as_bytes()).await;
        assert_eq!((count(&first, "recorded"), count(&first, "rejected")), (5, 3), "{first}");
        // Still refused: the same file is gone through again, and takes nothing.
        let second = taken_in(&shop, file(8).as_bytes()).await;
        assert_eq!((count(&second, "recorded_before"), count(&second, "rejected")), (5, 3), "{second}");
        edit(app, "green-basket", cap, "[access]").await;
        app.restart().await;
        let shop = app.partner("green-basket").await;
        let third = taken_in(&shop, file(8).as_bytes()).await;
        assert_eq!((count(&third, "recorded"), count(&third, "recorded_before")), (3, 5), "{third}");
        assert_eq!(count(&third, "rejected"), 0);
        // Now all of it is taken: the same file once more is a duplicate.
        let done = taken_in(&shop, file(8).as_bytes()).await;
        assert_eq!(done["duplicate_of"], third["id"], "{done}");
        assert_eq!(count(&done, "read"), 0);
    }
}
