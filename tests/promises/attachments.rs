//! Staff and the partner attach files to a break: few, small and of known types. They are kept sealed, and
//! nobody's browser shows them.

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::ids::{hex, sha256};
use tallystick::store;

use crate::harness::{Answer, Partner, count, run_sql};
use crate::reconcile::{asked_break, clerk};

const PDF: &[u8] = b"%PDF-1.7\nthe till's paper";

async fn send(who: &Partner, path: &str, kind: &str, content: &[u8]) -> Answer {
    let request = who.request(Method::POST, path).header("content-type", kind);
    Answer::of(request.body(content.to_vec())).await
}

/// Attaches a file as the partner that was asked, and returns its id.
pub async fn attach(shop: &Partner, id: &str) -> String {
    let path = format!("/v1/settlement-breaks/{id}/attachments?name=till.pdf");
    let kept = send(shop, &path, "application/pdf", PDF).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    kept.body["id"].as_str().unwrap().to_owned()
}

fn ids(list: &Answer) -> Vec<Value> {
    assert_eq!(list.status, 200, "{list:?}");
    let list = list.body["attachments"].as_array().unwrap();
    list.iter().map(|it| it["id"].clone()).collect()
}

on_both_stores! {
    async fn files_are_attached_sealed_and_fetched_as_they_came(app) {
        let id = asked_break(app).await;
        let (clerk, shop) = (clerk(app), app.partner("green-basket").await);
        let (staffs, partners) = (format!("/v1/breaks/{id}/attachments"), format!("/v1/settlement-breaks/{id}/attachments"));
        let of_shop = attach(&shop, &id).await;
        let secret = send(&clerk, &format!("{staffs}?name=note.txt"), "text/plain", b"for us").await;
        let open = send(&clerk, &format!("{staffs}?name=photo.png&shared=true"), "image/png", b"\x89PNG\r\n\x1a\n..").await;
        assert_eq!((secret.status.as_u16(), open.status.as_u16()), (201, 201), "{secret:?} {open:?}");
        assert_eq!((&secret.body["by"], &secret.body["by_name"], &secret.body["shared"]), (&json!("staff"), &json!("ann"), &json!(false)));
        assert_eq!(secret.body["sha256"], hex(&sha256(b"for us")));
        assert_eq!(ids(&clerk.get(&staffs).await), [json!(of_shop), secret.body["id"].clone(), open.body["id"].clone()]);
        let seen = shop.get(&partners).await;
        assert_eq!(ids(&seen), [json!(of_shop), open.body["id"].clone()]);
        assert!(!seen.text.contains("ann"), "who of the staff is not told: {seen:?}");
        let hidden = format!("{partners}/{}", secret.body["id"].as_str().unwrap());
        assert_eq!(shop.get(&hidden).await.told(), (404, "not-found"));
        let fetched = clerk.request(Method::GET, &format!("{staffs}/{of_shop}")).send().await.unwrap();
        let headers = fetched.headers().clone();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["content-type"], "application/octet-stream");
        assert_eq!(headers["content-disposition"], format!("attachment; filename=\"{of_shop}.pdf\""));
        assert_eq!(fetched.bytes().await.unwrap(), PDF);
        // Another partner knows nothing of it.
        let other = app.partner("blue-basket").await;
        for path in [partners.clone(), format!("{partners}/{of_shop}")] {
            assert_eq!(other.get(&path).await.told(), (404, "not-found"), "{path}");
        }
        let strange = send(&other, &format!("{partners}?name=a"), "text/plain", b"x").await;
        assert_eq!(strange.told(), (404, "not-found"));
        // It is sealed, and stays as it came.
        let text = match app.trial.db() {
            store::Db::Postgres(_) => "position('%PDF' in encode(sealed, 'escape')) > 0",
            store::Db::Sqlite(_) => "instr(sealed, '%PDF') > 0",
        };
        let all = "SELECT COUNT(*) AS count FROM break_attachments";
        assert_eq!(count(&app.trial, &format!("{all} WHERE {text}")), 0);
        assert!(run_sql(&app.trial, "UPDATE break_attachments SET name = 'other'").is_err());
        // Once the partner has answered, it attaches nothing more.
        let says = json!({ "says": "see the paper" });
        assert_eq!(shop.send(&format!("/v1/settlement-breaks/{id}/answers"), &says).await.status, 201);
        let late = send(&shop, &format!("{partners}?name=a"), "text/plain", b"x").await;
        assert_eq!(late.told(), (409, "break-state"));
    }
}

on_both_stores! {
    async fn what_is_attached_is_small_few_and_what_it_says(app) {
        let id = asked_break(app).await;
        let (clerk, shop) = (clerk(app), app.partner("green-basket").await);
        let path = format!("/v1/breaks/{id}/attachments?name=a");
        let page = b"<script>alert(1)</script>".as_slice();
        for (kind, content, told) in [
            ("text/html", page, (415, "media-type")),
            ("image/svg+xml", page, (415, "media-type")),
            ("application/pdf", page, (422, "attachment-refused")),
            ("image/png", b"%PDF-1.7".as_slice(), (422, "attachment-refused")),
            ("text/plain", b"".as_slice(), (422, "attachment-refused")),
            ("text/plain", b"a\0b".as_slice(), (422, "attachment-refused")),
        ] {
            let refused = send(&clerk, &path, kind, content).await;
            assert_eq!(refused.told(), told, "{kind}: {refused:?}");
        }
        let large = send(&clerk, &path, "text/plain", &vec![b'a'; 1024 * 1024 + 1]).await;
        assert_eq!(large.told(), (413, "too-large"));
        for name in ["", "..%2F..%2Fetc", "a%0Ab", "a%5Cb", "till-fdp.%E2%80%AEexe"] {
            let path = format!("/v1/breaks/{id}/attachments?name={name}");
            assert_eq!(send(&clerk, &path, "text/plain", b"x").await.told(), (400, "parameter"), "{name}");
        }
        // Many at once: no more are kept than may be.
        let mut racing = Vec::new();
        for number in 0..14 {
            let (shop, path) = (shop.clone(), format!("/v1/settlement-breaks/{id}/attachments?name={number}"));
            racing.push(tokio::spawn(async move { send(&shop, &path, "text/plain", b"x").await.status.as_u16() }));
        }
        let mut statuses = Vec::new();
        for one in racing {
            statuses.push(one.await.unwrap());
        }
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 10, "{statuses:?}");
        for _ in 0..10 {
            assert_eq!(send(&clerk, &path, "text/plain", b"x").await.status, 201);
        }
        assert_eq!(send(&clerk, &path, "text/plain", b"x").await.told(), (409, "break-state"));
    }
}
