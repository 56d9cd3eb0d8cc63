//! Money and points add up to the last decimal, at every size.

use serde_json::{Value, json};
use tallystick::ledger::AccountCode;
use tallystick::store::accounts;

use crate::harness::{TestApp, Trial, payment};

/// What the ledger holds for all owners of an account code, as text.
fn total(app: &TestApp, code: AccountCode) -> String {
    let all = accounts::all(&mut app.trial.db()).unwrap();
    let balances = all.iter().filter(|(account, _)| account.code == code);
    let sum: rust_decimal::Decimal = balances.map(|(_, balance)| balance.decimal()).sum();
    sum.to_string()
}

fn posting<'a>(receipt: &'a Value, account: &str) -> &'a str {
    let lines = receipt["postings"].as_array().unwrap();
    let line = lines.iter().find(|line| line["account"] == account);
    line.map_or("", |line| line["amount"].as_str().unwrap())
}

fn with_scheme(mut event: Value, scheme: &str) -> Value {
    event["data"]["scheme"] = json!(scheme);
    event
}

on_both_stores! {
    async fn a_payment_becomes_points_and_each_bears_its_share(app) {
        let shop = app.partner("green-basket").await;
        let receipt = shop.record(&payment("p-1", "m-1", "88.57", "0.00")).await;
        assert_eq!(posting(&receipt, "points_available"), "88.57");
        // 40% of 88.57 is 35.428: the two shares add up to the whole.
        assert_eq!(posting(&receipt, "points_funding"), "-35.43");
        assert_eq!(posting(&receipt, "points_liability"), "-53.14");
        let says = receipt["explanation"][0]["says"].as_str().unwrap();
        assert_eq!(says, "88.57 points: 88.57 CNY paid at 1 points per 1.00 CNY gives 88.57.");
    }
}

on_both_stores! {
    async fn a_discount_that_the_scheme_allows_accrues_the_banks_share(app) {
        let shop = app.partner("green-basket").await;
        let cases = [
            ("p-1", "200.00", "30.00", "18.00"),
            ("p-2", "399.99", "30.00", "18.00"),
            ("p-3", "400.00", "70.00", "42.00"),
        ];
        for (id, gross, discount, subsidy) in cases {
            let event = with_scheme(payment(id, "m-1", gross, discount), "spend-200-save-30");
            let receipt = shop.record(&event).await;
            assert_eq!(posting(&receipt, "subsidy_payable"), subsidy, "{gross}");
            assert_eq!(receipt["marks"], json!([]));
        }
        assert_eq!(total(app, AccountCode::SUBSIDY_PAYABLE), "78.00");
    }
}

on_both_stores! {
    async fn a_discount_that_does_not_fit_is_recorded_and_marked_and_accrues_nothing(app) {
        let shop = app.partner("green-basket").await;
        let scheme = "spend-200-save-30";
        let cases = [
            (payment("p-1", "m-1", "50.00", "5.00"), "discount_undeclared", "45.00"),
            (with_scheme(payment("p-2", "m-1", "199.99", "30.00"), scheme), "discount_differs", "169.99"),
            (with_scheme(payment("p-3", "m-1", "250.00", "40.00"), scheme), "discount_differs", "210.00"),
            (with_scheme(payment("p-4", "m-1", "250.00", "30.00"), "no-such"), "scheme_unknown", "220.00"),
        ];
        for (event, mark, points) in cases {
            let receipt = shop.record(&event).await;
            assert_eq!(receipt["marks"], json!([mark]));
            assert_eq!(posting(&receipt, "points_available"), points);
            assert_eq!(posting(&receipt, "subsidy_payable"), "");
        }
    }
}

on_both_stores! {
    async fn amounts_beyond_two_to_the_53_are_exact(store: Store) {
        Trial::vast_on(store).run(async |app| {
            let shop = app.partner("green-basket").await;
            // 2^53 + 1 fen, which no float can hold.
            let receipt = shop.record(&payment("p-1", "m-1", "90071992547409.93", "0.00")).await;
            assert_eq!(posting(&receipt, "points_available"), "90071992547409.93");
            shop.record(&payment("p-2", "m-1", "0.01", "0.00")).await;
            assert_eq!(total(app, AccountCode::POINTS_AVAILABLE), "90071992547409.94");
        })
        .await;
    }
}

on_both_stores! {
    async fn overflow_is_a_refusal_that_does_not_fail_its_neighbours(store: Store) {
        Trial::vast_on(store).run(async |app| {
            let shop = app.partner("green-basket").await;
            // A thousand of them leave 8.07 to the end of what an account holds.
            let most = "92233720368547.75";
            let filling = (0..1_000).map(|n| payment(&format!("p-1-{n}"), "m-1", most, "0.00"));
            let filled = shop.post_batch(&filling.collect::<Vec<_>>()).await;
            assert!(!filled.text.contains("problem"), "{}", filled.text);
            let answer = shop
                .post_batch(&[
                    payment("p-2", "m-2", "1.00", "0.00"),
                    payment("p-3", "m-1", "8.08", "0.00"),
                    payment("p-4", "m-3", "2.00", "0.00"),
                ])
                .await;
            let statuses: Vec<&Value> =
                answer.body["outcomes"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
            // Beyond the customer's balance, and the bank's and the partner's too: their accounts are
            // as full as the customer's, less what each of them bears.
            assert_eq!(statuses, [201, 422, 201], "{}", answer.text);
            assert_eq!(answer.body["outcomes"][1]["problem"]["type"], "/problems/out-of-range");
        })
        .await;
    }
}

on_both_stores! {
    async fn nothing_paid_is_a_payment_all_the_same(app) {
        let shop = app.partner("green-basket").await;
        let receipt = shop.record(&payment("p-1", "m-1", "0.00", "0.00")).await;
        assert_eq!(receipt["postings"], json!([]));
        let receipt = shop.record(&payment("p-2", "m-1", "3.20", "3.20")).await;
        assert_eq!(receipt["marks"], json!(["discount_undeclared"]));
    }
}
