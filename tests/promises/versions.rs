//! The API says which version it speaks and what is on its way out; what was read is not sent again.

use reqwest::Method;

use crate::harness::{Answer, payment};

on_both_stores! {
    async fn a_version_that_is_not_served_is_refused_and_the_one_that_answers_is_named(app) {
        let partner = app.partner("green-basket").await;
        let ask = async |version: Option<&str>| {
            let request = partner.request(Method::POST, "/v1/events");
            let request = request.json(&payment("e-1", "m-1", "10.00", "0.00"));
            Answer::of(match version {
                Some(version) => request.header("api-version", version),
                None => request,
            })
            .await
        };
        let refused = ask(Some("2020-01-01")).await;
        assert_eq!((refused.status.as_u16(), &refused.body["type"]), (400, &"/problems/version-unknown".into()));
        assert_eq!(ask(Some("2026-11-01")).await.status, 201);
        let newest = ask(None).await;
        assert_eq!((newest.status.as_u16(), &newest.headers["api-version"]), (200, &"2026-11-01".parse().unwrap()));
        let going = partner.get("/oauth/jwks").await;
        assert_eq!(going.headers["deprecation"], "@1793491200");
        assert_eq!(going.headers["sunset"], "Mon, 01 Nov 2027 00:00:00 GMT");
        assert_eq!(going.headers["link"], "</.well-known/jwks.json>; rel=\"successor-version\"");
        assert!(partner.get("/.well-known/jwks.json").await.headers.get("deprecation").is_none());
    }
}

on_both_stores! {
    async fn what_a_caller_has_read_is_not_sent_again_until_it_changes(app) {
        let partner = app.partner("green-basket").await;
        partner.record(&payment("e-1", "m-1", "10.00", "0.00")).await;
        let first = partner.get("/v1/events/e-1").await;
        let tag = first.headers["etag"].clone();
        let again = async |tag: &str| {
            let request = partner.request(Method::GET, "/v1/events/e-1");
            Answer::of(request.header("if-none-match", tag)).await
        };
        let unchanged = again(&format!("\"other\", W/{}", tag.to_str().unwrap())).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.text.as_str()), (304, ""));
        assert_eq!(unchanged.headers["etag"], tag);
        assert_eq!(again("*").await.status, 304);
        let other = again("\"other\"").await;
        assert_eq!((other.status.as_u16(), other.text), (200, first.text));
        // An error has no tag, and another partner gets no 304 of what it may not see.
        let foreign = app.partner("lotus-tea").await;
        let request = foreign.request(Method::GET, "/v1/events/e-1").header("if-none-match", "*");
        assert_eq!(Answer::of(request).await.status, 404);
    }
}
