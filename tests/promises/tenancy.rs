//! A partner sees and touches only its own things, and does not learn whom the bank knows.

use crate::harness::{payment, referral, refund};

on_both_stores! {
    async fn another_partners_event_is_as_unknown_as_none(app) {
        let (green, blue) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        green.record(&payment("p-1", "m-1", "88.50", "0.00")).await;
        let theirs = blue.get("/v1/events/p-1").await;
        let nobodys = blue.get("/v1/events/p-2").await;
        assert_eq!((theirs.status.as_u16(), theirs.without_id()), (404, nobodys.without_id()));
    }
}

on_both_stores! {
    async fn another_partners_payment_cannot_be_refunded(app) {
        let (green, blue) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        green.record(&payment("p-1", "m-1", "88.50", "0.00")).await;
        assert_eq!(blue.refused(&refund("r-1", "p-1", "1.00")).await.1, "payment-unknown");
    }
}

on_both_stores! {
    async fn another_partners_referral_is_as_unknown_as_none(app) {
        app.leads_may_wait = true; // there is no CRM in this test
        let travel = app.partner("sunny-travel").await;
        let home = app.partner("oak-home").await;
        let receipt = travel.record(&referral("t-1", "travel-loan", "9000.00", "old-town")).await;
        let path = format!("/v1/referrals/{}", receipt["referral"]["id"].as_str().unwrap());
        assert_eq!(travel.get(&path).await.body["state"], "qualified");
        let theirs = home.get(&path).await;
        assert_eq!(theirs.status, 404);
        assert_eq!(theirs.without_id(), home.get("/v1/referrals/none").await.without_id());
    }
}

on_both_stores! {
    async fn the_same_reference_at_two_partners_is_two_customers(app) {
        let (green, blue) = (app.partner("green-basket").await, app.partner("blue-basket").await);
        green.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        blue.record(&payment("p-1", "m-1", "20.00", "0.00")).await;
        let all = tallystick::store::accounts::all(&mut app.trial.db()).unwrap();
        let customers = all.iter().filter(|(it, _)| it.owner.kind() == "customer");
        let mut balances: Vec<String> = customers.map(|(_, balance)| balance.to_string()).collect();
        balances.sort();
        assert_eq!(balances, ["10.00", "20.00"]);
    }
}

on_both_stores! {
    async fn a_receipt_names_no_customer(app) {
        let shop = app.partner("green-basket").await;
        let receipt = shop.post(&payment("p-1", "m-1", "10.00", "0.00")).await.text;
        let all = tallystick::store::accounts::all(&mut app.trial.db()).unwrap();
        let customer = all.iter().find(|(it, _)| it.owner.kind() == "customer").unwrap();
        assert!(!receipt.contains(&customer.0.owner.name()));
    }
}
