//! Only partners on the bank's list may send (名单制). A partner that is off the list, suspended or
//! past its contract is refused, with the reason.

use serde_json::json;

use crate::harness::{Partner, assertion, payment, referral};

on_both_stores! {
    async fn a_partner_off_the_list_gets_no_token_and_is_told_why(app) {
        let issuer = app.trial.settings.issuer.clone().unwrap();
        for (id, why) in [
            ("halted-basket", "the partner is suspended"),
            ("gone-basket", "the partner was on the bank's list until 2020-12-31"),
            ("new-basket", "the partner is on the bank's list from 2034-01-01 on"),
        ] {
            let assertion = assertion(id, &issuer, app.trial.key(id));
            let answer = Partner::ask_token(&app.url(), &assertion, &[]).await;
            assert_eq!(answer.status, 403, "{id}");
            assert_eq!(answer.body, json!({ "error": "unauthorized_client", "error_description": why }));
        }
    }
}

on_both_stores! {
    async fn a_partner_taken_off_the_list_is_refused_at_once_whatever_its_token_says(app) {
        let shop = app.partner("green-basket").await;
        shop.record(&payment("p-1", "m-1", "10.00", "0.00")).await;
        let manifest = app.trial.settings.partners.join("green-basket/partner.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text.replace("\"sandbox\"", "\"suspended\"")).unwrap();
        app.restart().await;
        let shop = Partner::with_token(&app.url(), &shop.token);
        let (status, slug, body) = shop.refused(&payment("p-2", "m-1", "10.00", "0.00")).await;
        assert_eq!((status, slug.as_str()), (403, "partner-not-listed"));
        assert_eq!(body["detail"], "the partner is suspended");
    }
}

on_both_stores! {
    async fn a_product_that_is_not_the_partners_is_refused(app) {
        let travel = app.partner("sunny-travel").await;
        let event = referral("t-1", "farm-loan", "9000.00", "old-town");
        let (status, slug, body) = travel.refused(&event).await;
        assert_eq!((status, slug.as_str()), (403, "product-not-listed"));
        assert_eq!(body["problems"][0]["pointer"], "/data/product");
    }
}

on_both_stores! {
    async fn a_member_whom_the_bank_did_not_link_is_refused_where_the_manifest_says_so(app) {
        let shop = app.partner("linked-basket").await;
        let (status, slug, _) = shop.refused(&payment("p-1", "m-1", "10.00", "0.00")).await;
        assert_eq!((status, slug.as_str()), (422, "member-unknown"));
    }
}
