//! Everything that is sealed stands in one list: `keys status`, sealing anew and `keys retire` know all of
//! it, and a key goes only when nothing of its own is left.

use std::process::Command;
use std::time::Duration;

use diesel::RunQueryDsl;
use reqwest::Method;
use serde_json::json;
use tallystick::secrets::sealed::SealedKind;
use tallystick::store::Db;

use crate::harness::{Answer, Partner, TestApp, Trial};
use crate::uploads::{DAY, ended, upload};

/// `tallystick keys …`: what it printed, or what it said against it.
fn keys(trial: &Trial, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .arg("keys")
        .args(arguments)
        .env("DATABASE_URL", trial.settings.database_url.reveal())
        .env("TALLYSTICK_KEYS", &trial.settings.keys)
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_LOG__LEVEL", "error")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if output.status.success() { Ok(said) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

async fn with_eager_keys(app: &mut TestApp) {
    app.trial.settings.keys_seconds = 1;
    app.trial.settings.due_seconds = 1;
    app.restart().await;
}

#[derive(diesel::QueryableByName)]
struct Named {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

/// The tables with a column of that name.
fn tables_with(db: &mut Db, column: &str) -> Vec<String> {
    let rows: Vec<Named> = match db {
        Db::Postgres(db) => diesel::sql_query(format!(
            "SELECT table_name::text AS name FROM information_schema.columns \
             WHERE column_name = '{column}' AND table_schema = current_schema()"
        ))
        .load(db)
        .unwrap(),
        Db::Sqlite(db) => diesel::sql_query(format!(
            "SELECT m.name AS name FROM sqlite_schema m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND c.name = '{column}'"
        ))
        .load(db)
        .unwrap(),
    };
    rows.into_iter().map(|row| row.name).collect()
}

on_both_stores! {
    async fn every_table_that_names_a_key_is_in_the_list(app) {
        let mut there = tables_with(&mut app.trial.db(), "key_id");
        let mut listed: Vec<String> = SealedKind::ALL.iter().map(|kind| kind.table().to_owned()).collect();
        there.sort();
        listed.sort();
        assert_eq!(there, listed);
    }
}

async fn begin(shop: &Partner, content: &[u8]) -> String {
    use base64::Engine;
    let day = base64::engine::general_purpose::STANDARD.encode("2026-11-23");
    let begun = shop
        .request(Method::POST, "/v1/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", content.len())
        .header("upload-metadata", format!("business_date {day}"));
    let begun = Answer::of(begun).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    begun.headers["location"].to_str().unwrap().to_owned()
}

async fn append(shop: &Partner, url: &str, offset: usize, part: &[u8]) -> Answer {
    let request = shop
        .request(Method::PATCH, url)
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", offset)
        .header("content-type", "application/offset+octet-stream")
        .body(part.to_vec());
    Answer::of(request).await
}

on_both_stores! {
    async fn a_half_sent_file_and_rejected_lines_outlive_a_rotation(app) {
        with_eager_keys(app).await;
        let shop = app.partner("green-basket").await;
        let header = "payment_id,household,store,occurred_at,gross,discount,paid\n";
        let line = |id: &str| format!("{id},m-1,S1,2026-11-20T10:00:00Z,1.00,0.00,1.00\n");
        // Rejected lines of one file, and half of another.
        let bad = format!("{header}bad-1\n{}", line("good-1"));
        let rejected = ended(&shop, &upload(&shop, bad.as_bytes(), &DAY).await).await;
        assert_eq!(rejected["lines"]["rejected"], 1);
        let whole = format!("{header}{}{}", line("half-1"), line("half-2"));
        let (first, rest) = whole.as_bytes().split_at(whole.len() / 2);
        let url = begin(&shop, whole.as_bytes()).await;
        assert_eq!(append(&shop, &url, 0, first).await.status, 204);
        keys(&app.trial, &["rotate", "--wait", "0"]).unwrap();
        let status = keys(&app.trial, &["status"]).unwrap();
        assert!(status.contains("parts of files") && status.contains("rejected lines"), "{status}");
        // Refused as long as one of them has the older key, and allowed afterwards.
        let mut retired = Err(String::new());
        for _ in 0..300 {
            retired = keys(&app.trial, &["retire", "personal-1"]);
            match &retired {
                Ok(_) => break,
                Err(why) => assert!(why.contains("still has"), "{why}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        retired.unwrap();
        app.restart().await;
        let shop = app.partner("green-basket").await;
        let answer = append(&shop, &url, first.len(), rest).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        let import = ended(&shop, answer.headers["content-location"].to_str().unwrap()).await;
        assert_eq!((&import["state"], &import["lines"]["recorded"]), (&json!("done"), &json!(2)), "{import}");
        let id = rejected["id"].as_str().unwrap();
        let lines = shop.get(&format!("/v1/imports/{id}/rejects")).await;
        assert!(lines.status == 200 && lines.text.contains("bad-1"), "{}", lines.text);
    }
}

on_both_stores! {
    async fn an_index_key_goes_only_when_no_list_of_staff_depends_on_it(app) {
        let manifest = app.trial.settings.partners.join("sunny-travel/partner.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let list = format!("[staff]\nphones = [\"{}\"]\n", "ab".repeat(32));
        std::fs::write(&manifest, format!("{text}\n{list}")).unwrap();
        keys(&app.trial, &["rotate", "--index", "--wait", "0"]).unwrap();
        let status = keys(&app.trial, &["status"]).unwrap();
        assert!(status.contains("lists of partners' staff 1"), "{status}");
        let refused = keys(&app.trial, &["retire", "index-1"]).unwrap_err();
        assert!(refused.contains("staff"), "{refused}");
        // The list is made again, by the new key.
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text.replacen("\n[staff]\n", "\n[staff]\nindex = \"index-2\"\n", 1)).unwrap();
        keys(&app.trial, &["retire", "index-1"]).unwrap();
    }
}
