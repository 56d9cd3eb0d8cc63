//! A payment that claims what was not agreed is recorded all the same, and waits for people: nothing
//! is lost, and nothing is paid for it.

use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, payment, staff};

on_both_stores! {
    async fn what_was_not_agreed_waits_for_staff_in_order(app) {
        let shop = app.partner("green-basket").await;
        let other = app.partner("blue-basket").await;
        for (number, scheme) in [(1, "spend-200-save-30"), (2, "no-such-scheme")] {
            let mut differs = payment(&format!("p-{number}"), "m-1", "250.00", "45.00");
            differs["data"]["scheme"] = json!(scheme);
            shop.record(&differs).await;
        }
        let mut elsewhere = payment("p-1", "m-1", "250.00", "31.00");
        elsewhere["data"]["scheme"] = json!("spend-200-save-30");
        other.record(&elsewhere).await;
        // These claim nothing: as agreed, and a discount of the shop's own.
        let mut agreed = payment("p-3", "m-1", "250.00", "30.00");
        agreed["data"]["scheme"] = json!("spend-200-save-30");
        shop.record(&agreed).await;
        shop.record(&payment("p-4", "m-1", "250.00", "45.00")).await;

        let clerk = staff(app, "clerk", &["read"]);
        let page = async |query: &str| {
            let path = format!("/v1/flagged-payments{query}");
            Answer::of(clerk.request(Method::GET, &path)).await
        };
        let all = page("").await;
        assert_eq!(all.status, 200, "{all:?}");
        let found: Vec<(&str, &str)> = all.body["flagged_payments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["event"].as_str().unwrap(), it["marks"][0].as_str().unwrap()))
            .collect();
        let expected =
            [("p-1", "discount_differs"), ("p-2", "scheme_unknown"), ("p-1", "discount_differs")];
        assert_eq!(found, expected);
        let first = page("?partner=green-basket&limit=1").await.body;
        let cursor = first["next"].as_str().unwrap();
        let last = page(&format!("?partner=green-basket&limit=1&cursor={cursor}")).await.body;
        assert_eq!(first["flagged_payments"][0]["event"], "p-1");
        assert_eq!(last["flagged_payments"][0]["event"], "p-2");
        assert_eq!(last["next"], json!(null));
        for bad in ["?limit=0", "?cursor=x", "?partner=NO", "?other=1"] {
            assert_eq!(page(bad).await.status, 400, "{bad}");
        }
        let nobody = staff(app, "nobody", &["adjust"]);
        let refused = Answer::of(nobody.request(Method::GET, "/v1/flagged-payments")).await;
        assert_eq!(refused.status, 403);

        let printed = Command::new(env!("CARGO_BIN_EXE_tallystick"))
            .args(["ledger", "flagged", "--partner", "green-basket"])
            .env("DATABASE_URL", app.trial.settings.database_url.reveal())
            .output()
            .unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), 3, "{printed}");
        assert!(lines[1].starts_with("green-basket,p-1,2026-11-02T10:15:30Z,"), "{printed}");
        assert!(lines[1].contains(",discount_differs,"), "{printed}");
        assert!(lines[1].contains("45.00"), "{printed}");
    }
}
