//! The statement leaves the bank as a file: signed with its entries, so that the partner checks it offline
//! against its own receipts; for spreadsheets; and on paper. Other people's programs read each of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Partner, TestApp, payment, python, staff};
use crate::reconcile_command::{MONTH, reconcile, said};
use crate::settlement_statements::{busy_month, close_month};

async fn bytes(caller: &Partner, path: &str) -> Vec<u8> {
    let answer = caller.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// The file of the closed month, asked for twice: it is the same.
async fn file(shop: &Partner, format: &str) -> Vec<u8> {
    let path = format!("/v1/settlement-statements/2026-10/file?format={format}");
    let first = bytes(shop, &path).await;
    assert_eq!(first, bytes(shop, &path).await, "{format} is the same file each time");
    first
}

fn write(app: &TestApp, name: &str, content: &[u8]) -> String {
    let path = app.trial.folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The partner's own receipts of these events, one a line.
async fn receipts(shop: &Partner, events: &[&str]) -> String {
    let mut lines = String::new();
    for event in events {
        let receipt = bytes(shop, &format!("/v1/events/{event}")).await;
        lines.push_str(&String::from_utf8(receipt).unwrap());
        lines.push('\n');
    }
    lines
}

/// That of the manifest.
const TAXPAYER: &str = "91310115MA1GBLQ88A";

const EVENTS: [&str; 9] = ["p-0", "p-1", "p-2", "p-3", "p-4", "p-5", "p-6", "late-1", "r-1"];

on_both_stores! {
    async fn the_partner_checks_its_statement_offline(app) {
        let shop = busy_month(app).await;
        close_month(app, "2026-10").await;
        let signed = String::from_utf8(file(&shop, "signed").await).unwrap();
        let clerk = staff(app, "ann", &["reconcile"]);
        let by_staff = bytes(&clerk, "/v1/settlements/green-basket/2026-10/file?format=signed").await;
        assert_eq!(signed.as_bytes(), by_staff);
        let statement = write(app, "statement.ndjson", signed.as_bytes());
        let jwks = write(app, "jwks.json", &bytes(&shop, "/.well-known/jwks.json").await);
        let own = receipts(&shop, &EVENTS).await;
        let all = write(app, "receipts.ndjson", own.as_bytes());
        let told = python("check_statement.py", &[&statement, &jwks, &all]).await;
        let kept = clerk.get("/v1/settlements/green-basket/2026-10").await.body;
        assert_eq!(told["sha256"], kept["sha256"], "{told}");
        assert_eq!(told["payout"], kept["statement"]["payout"]);
        assert_eq!((&told["receipts"], &told["without"]), (&json!(9), &json!(0)), "{told}");
        // Seven subsidies of 18.00 less one that was taken back, with 13 % of tax in it: 126.00 / 1.13.
        let (tax, lines) = (&kept["statement"]["tax"], &kept["statement"]["lines"]);
        assert_eq!(tax["taxpayer"], TAXPAYER, "{tax}");
        let first = lines.as_array().unwrap().iter().find(|line| line["amount"] == "126.00").unwrap();
        assert_eq!((&first["net"], &first["vat"]), (&json!("111.50"), &json!("14.50")), "{first}");
        let gross = kept["statement"]["payout"].as_str();
        assert_eq!(tax["totals"][0]["gross"].as_str(), gross, "all of the month is invoiced: {tax}");

        let verify = |receipts: &str, statement: &str| {
            let args = ["verify", statement, "--jwks", &jwks, "--receipts", receipts];
            let output = reconcile(&app.trial, &args);
            (output.status.success(), said(&output))
        };
        let (good, says) = verify(&all, &statement);
        assert!(good && says.contains("9 receipts of it are at hand"), "{says}");
        // By the bank, with its own keys.
        let plain = reconcile(&app.trial, &["verify", &statement]);
        assert!(plain.status.success(), "{}", said(&plain));

        // Whatever is changed is found, by us and by the other.
        let (head, entries) = signed.split_once('\n').unwrap();
        let dropped = entries.split_once('\n').unwrap().1;
        let changed = entries.replacen("\"18.00\"", "\"19.00\"", 1);
        let mut foreign = head.to_owned();
        let cut = foreign.len() - 12;
        let other = if foreign.as_bytes()[cut] == b'A' { "B" } else { "A" };
        foreign.replace_range(cut..=cut, other);
        for (name, content) in [
            ("dropped", format!("{head}\n{dropped}")),
            ("changed", format!("{head}\n{changed}")),
            ("foreign", format!("{foreign}\n{entries}")),
        ] {
            assert_ne!(content, signed, "{name}");
            let path = write(app, &format!("{name}.ndjson"), content.as_bytes());
            let (good, says) = verify(&all, &path);
            assert!(!good && says.contains("FAULT"), "{name}: {says}");
            let told = python("check_statement.py", &[&path, &jwks, &all]).await;
            assert!(told["error"].is_string(), "{name}: {told}");
        }
        // A receipt that is not at hand, one that says something else, and one that the statement left out.
        let fewer = write(app, "fewer.ndjson", receipts(&shop, &EVENTS[1..]).await.as_bytes());
        let (good, says) = verify(&fewer, &statement);
        assert!(!good && says.contains("are not at hand"), "{says}");
        let other = write(app, "other.ndjson", own.replacen("\"18.00\"", "\"17.00\"", 1).as_bytes());
        let (good, says) = verify(&other, &statement);
        assert!(!good && says.contains("says other amounts"), "{says}");
        let mut unknown: Value = serde_json::from_str(own.lines().nth(1).unwrap()).unwrap();
        unknown["receipt"] = json!("01a20983-8fb2-701e-8500-271b9da18260");
        let more = write(app, "more.ndjson", format!("{own}{unknown}\n").as_bytes());
        let (good, says) = verify(&more, &statement);
        assert!(!good && says.contains("is of this month, and no entry is"), "{says}");
    }
}

on_both_stores! {
    async fn other_programs_read_the_statement_as_it_is(app) {
        let shop = busy_month(app).await;
        let mut event = payment("=1+1", "m-1", "250.00", "30.00");
        event["data"]["scheme"] = json!("spend-200-save-30");
        event["time"] = json!("2026-10-13T10:00:00Z");
        shop.record(&event).await;
        close_month(app, "2026-10").await;
        let kept = shop.get("/v1/settlement-statements/2026-10").await.body;
        let statement = &kept["statement"];
        let pdf = write(app, "statement.pdf", &file(&shop, "pdf").await);
        let xlsx = write(app, "statement.xlsx", &file(&shop, "xlsx").await);
        let told = python("read_statement_files.py", &[&pdf, &xlsx]).await;

        let plain = |text: &str| text.split_whitespace().collect::<String>();
        let text = told["text"].as_str().unwrap();
        assert_eq!(told["tagged"], true);
        assert!(told["title"].as_str().unwrap().contains("green-basket-2026-10-1"));
        let lines = statement["lines"].as_array().unwrap();
        for line in lines {
            for part in ["says", "says_zh"] {
                let says = plain(line[part].as_str().unwrap());
                assert!(text.contains(&says), "{says} is in {text}");
            }
            let amount = line["amount"].as_str().unwrap().replace('-', "−");
            assert!(text.contains(&amount), "{amount} is in {text}");
        }
        for part in [&kept["sha256"], &statement["entries_sha256"], &statement["statement_no"]] {
            assert!(text.contains(part.as_str().unwrap()), "{part} is in {text}");
        }
        assert!(text.contains("结算对账单") && text.contains("本期应付"), "{text}");
        assert!(text.contains(TAXPAYER) && text.contains("开票信息"), "{text}");
        assert!(!text.contains("[U+"), "every character has a glyph: {text}");

        // The rows of both sheets, below their heads.
        let sheet = |name: &str| told[name].as_array().unwrap()[1..].to_vec();
        let shown = sheet("lines");
        assert_eq!(shown.len(), lines.len());
        for (row, line) in shown.iter().zip(lines) {
            assert_eq!((&row[11], &row[7]), (&line["amount"], &line["says_zh"]), "{row}");
            let tax = ["vat_rate", "net", "vat"].map(|name| line[name].as_str().unwrap_or_default());
            assert_eq!([&row[8], &row[9], &row[10]].map(|cell| cell.as_str().unwrap()), tax, "{row}");
        }
        let entries = sheet("entries");
        let count: i64 = lines.iter().map(|line| line["entries"].as_i64().unwrap()).sum();
        assert_eq!(i64::try_from(entries.len()).unwrap(), count);
        assert!(entries.iter().any(|row| row[4] == "=1+1"), "{entries:?}");
        assert_eq!(told["formulas"], json!([]), "no cell is run");

        let csv = String::from_utf8(file(&shop, "csv").await).unwrap();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), lines.len() + entries.len());
        assert!(rows.iter().any(|row| &row[6] == "'=1+1"), "{csv}");
        for (row, line) in rows.iter().zip(lines) {
            for (column, name) in [(12, "vat_rate"), (13, "net"), (14, "vat")] {
                assert_eq!(&row[column], line[name].as_str().unwrap_or_default(), "{row:?}");
            }
        }
        for (row, entry) in rows[lines.len()..].iter().zip(&entries) {
            assert_eq!((&row[1], &row[11]), (entry[0].as_str().unwrap(), entry[9].as_str().unwrap()));
        }
        // The command writes the same file.
        let out = app.trial.folder.path().join("by-command.pdf");
        let args = ["settlement", "--format", "pdf", "--out", out.to_str().unwrap()];
        let done = reconcile(&app.trial, &[&args[..], &MONTH[..]].concat());
        assert!(done.status.success(), "{}", said(&done));
        assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&pdf).unwrap());
        let wrong = shop.get("/v1/settlement-statements/2026-10/file?format=doc").await;
        assert_eq!(wrong.told(), (400, "parameter"), "{wrong:?}");
    }
}
