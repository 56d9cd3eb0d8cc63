//! A statement comes as its partner can write it: a workbook or an archive is read as the same lines in CSV
//! are, and what cannot be read for sure is refused by the name of the cell.

use std::io::Write;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, Store, TestApp, Trial, payment, python};
use crate::reconcile::{HEADER, STATEMENTS, clerk, compare, line, statement};

const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn hand_in(clerk: &Partner, kind: &str, file: Vec<u8>) -> Answer {
    let request = clerk.request(Method::POST, STATEMENTS).header("content-type", kind);
    Answer::of(request.body(file)).await
}

async fn workbook(app: &TestApp, sheets: &Value) -> Vec<u8> {
    let path = app.trial.folder.path().join("statement.xlsx");
    python("write_workbook.py", &[path.to_str().unwrap(), &sheets.to_string()]).await;
    std::fs::read(path).unwrap()
}

fn header() -> Value {
    HEADER.trim().split(',').collect::<Vec<_>>().into()
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

on_both_stores! {
    async fn a_workbook_is_a_statement(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "100.10", "0.00")).await;
        shop.record(&payment("p-2", "m-1", "50.00", "0.00")).await;
        let at = json!({ "at": "2026-11-02T10:15:30" });
        let book = workbook(app, &json!([[
            header(),
            ["p-1", "", at, "SALE", 100.1, null, null],
            [],
            ["p-2", null, "2026-11-02 10:15:30", "SALE", "50.00"],
            ["TOTAL", 2, null, null, 150.1],
        ]])).await;
        let clerk = clerk(app);
        let kept = hand_in(&clerk, WORKBOOK, book.clone()).await;
        assert_eq!(kept.status, 201, "{kept:?}");
        assert_eq!((&kept.body["lines"], &kept.body["packed"]), (&json!(2), &json!(true)));
        assert_eq!(compare(&clerk).await["matched"], 2);
        // The hash is the file's own, so the same file again is the same statement.
        assert_eq!(hand_in(&clerk, WORKBOOK, book).await.status, 200);
    }
}

on_both_stores! {
    async fn a_cell_that_cannot_be_known_is_refused_by_its_name(app) {
        let clerk = clerk(app);
        let row = |order: Value, amount: Value| {
            json!([["p-1", order, "2026-11-02 10:15:30", "SALE", amount, null, null]])
        };
        let total = json!(["TOTAL", 1, null, null, 1]);
        for (order, amount, words) in [
            (json!(2_026_110_212_345_678_901_i64), json!("1.00"), "cell B2 is a number of more than 15 digits"),
            (json!("o-1"), json!("=0.5+0.5"), "cell E2 is a formula"),
            (json!("o-1"), json!("#N/A"), "cell E2 shows an error"),
        ] {
            let rows = row(order, amount);
            let book = workbook(app, &json!([[header(), rows[0], total]])).await;
            let refused = hand_in(&clerk, WORKBOOK, book).await;
            assert_eq!(refused.status, 422, "{refused:?}");
            assert!(refused.text.contains(words), "{refused:?}");
        }
        // More decimals than money has: a spreadsheet's arithmetic.
        let rows = row(json!("o-1"), json!(0.300_000_000_000_000_04));
        let refused = hand_in(&clerk, WORKBOOK, workbook(app, &json!([[header(), rows[0], total]])).await).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        let two = workbook(app, &json!([[header()], [["something else"]]])).await;
        let refused = hand_in(&clerk, WORKBOOK, two.clone()).await;
        assert!(refused.text.contains("2 sheets of the workbook have cells"), "{refused:?}");
        for cut in [two.len() / 2, two.len() - 30] {
            let refused = hand_in(&clerk, WORKBOOK, two[..cut].to_vec()).await;
            assert!(refused.status == 422 || refused.status == 400, "{refused:?}");
        }
        let list = clerk.get("/v1/reconciliation/statements?partner=green-basket").await.body;
        assert_eq!(list["statements"], json!([]), "nothing is kept of what was refused");
    }
}

/// The workbook with other words in one of its parts.
fn patched(book: &[u8], part: &str, from: &str, to: &str) -> Vec<u8> {
    let mut read = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
    let names: Vec<String> = read.file_names().map(|name| name.unwrap().into_owned()).collect();
    let parts: Vec<(String, Vec<u8>)> = names
        .into_iter()
        .map(|name| {
            let mut content = String::new();
            std::io::Read::read_to_string(&mut read.by_name(&name).unwrap(), &mut content).unwrap();
            if name == part {
                assert!(content.contains(from), "{part} has no {from}: {content}");
                content = content.replacen(from, to, 1);
            }
            (name, content.into_bytes())
        })
        .collect();
    let parts: Vec<(&str, &[u8])> =
        parts.iter().map(|(name, part)| (name.as_str(), part.as_slice())).collect();
    archive(&parts)
}

/// A small file that asks for much memory, or stands where no cell can stand, stops nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_workbook_is_refused_and_the_gateway_goes_on() {
    Trial::on(Store::Sqlite)
        .run(async |app: &mut TestApp| {
            let clerk = clerk(app);
            let book = workbook(app, &json!([[header(), ["p-1"]]])).await;
            let (styles, sheet) = ("xl/styles.xml", "xl/worksheets/sheet1.xml");
            for (hostile, words) in [
                (
                    patched(&book, styles, " count=\"", " count=\"4294967295"),
                    "counts more than it has",
                ),
                (patched(&book, sheet, "r=\"A1\"", "r=\"A99999999999\""), "workbook"),
                (patched(&book, sheet, "r=\"A1\"", "r=\"A40000000\""), "beyond the rows"),
                (patched(&book, sheet, "r=\"B1\"", "r=\"A1\""), "stands behind a cell"),
            ] {
                let refused = hand_in(&clerk, WORKBOOK, hostile).await;
                assert_eq!(refused.status, 422, "{refused:?}");
                assert!(refused.text.contains(words), "{words}: {refused:?}");
            }
        })
        .await;
}

on_both_stores! {
    async fn an_archive_has_one_file(app) {
        let clerk = clerk(app);
        let file = statement(&[&line("p-1", "", "SALE", "100.50")]);
        let one = archive(&[("bill.csv", file.as_bytes())]);
        let kept = hand_in(&clerk, "application/zip", one.clone()).await;
        assert_eq!(kept.status, 201, "{kept:?}");
        assert_eq!(kept.body["lines"], 1);
        let two = archive(&[("bill.csv", file.as_bytes()), ("other.csv", b"x")]);
        let twice = archive(&[("inner.zip", &archive(&[("inner.zip", &one)]))]);
        // Many megabytes of nothing in a few kilobytes: the bound holds for what it unpacks to.
        let bomb = archive(&[("bill.csv", &vec![b' '; 140_000_000])]);
        for (file, words) in [(two, "has 2 files"), (twice, "packed twice"), (bomb, "more than")] {
            let refused = hand_in(&clerk, "application/zip", file).await;
            assert!(refused.text.contains(words), "{refused:?}");
            assert_eq!(refused.status, 422, "{refused:?}");
        }
    }
}
