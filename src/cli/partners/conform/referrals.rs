//! Referrals, for partners whose manifest has products.

use serde_json::{Value, json};

use super::report::Rule;
use super::walk::{EVENTS, Walk, Wanted};

pub async fn referrals(walk: &mut Walk) {
    let today = walk.now().utc().date_naive();
    let mut products = walk.partner.scheme.products.iter();
    let Some(product) = products.find(|it| it.term().covers(today)).cloned() else {
        walk.skip(
            Rule::of(EVENTS, "a referral is recorded"),
            "the manifest has no product in force",
        );
        return;
    };
    let region = product.qualify.regions.first().cloned().unwrap_or_else(|| "anywhere".to_owned());
    let data = json!({
        "product": product.id, "currency": "CNY", "amount": product.qualify.amount_min,
        "region": region, "member": walk.member,
        "contact": { "name": "Conformance Kit", "phone": "+8619900000000" },
        "consent": {
            "purpose": "to be called about this product", "text_version": "conform",
            "text_sha256": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
            "channel": "conform", "evidence": walk.id("evidence"), "given_at": walk.now(),
        },
    });
    let given = walk.visitor.event(&walk.event("l-1", "referral.created", data.clone())).await;
    walk.expect(
        Rule::of(EVENTS, "a referral with consent is recorded"),
        &given,
        Wanted::of(201, ""),
    );
    let state = given.text("/referral/state");
    let seen = format!("its state is {state:?}");
    walk.note(Rule::of(EVENTS, "a referral with consent tells its state"), !state.is_empty(), seen);
    if state == "qualified" && walk.may("referrals:read") {
        followed(walk, given.text("/referral/id")).await;
    }
    let mut silent = data.clone();
    if let Value::Object(data) = &mut silent {
        data.remove("consent");
    }
    let answer = walk.visitor.event(&walk.event("l-2", "referral.created", silent)).await;
    let kept_back = answer.status == 201 && answer.text("/referral/state") == "needs_consent";
    let rule = Rule::of(EVENTS, "a referral without consent is recorded and never sent");
    walk.note(rule, kept_back, format!("{} {:?}", answer.status, answer.text("/referral/state")));
    let mut other = data;
    if let Value::Object(data) = &mut other {
        data.insert("product".to_owned(), json!("no-such-product"));
    }
    let answer = walk.visitor.event(&walk.event("l-3", "referral.created", other)).await;
    let rule = Rule::of(EVENTS, "a product that is not agreed is refused");
    walk.expect(rule, &answer, Wanted::of(403, "product-not-listed"));
}

/// Lets the lead be lost, as the bank's CRM would tell.
async fn followed(walk: &mut Walk, referral: &str) {
    let path = format!("/v1/sandbox/referrals/{referral}/stage");
    let told = walk.visitor.post(&path, &json!({ "stage": "lost" }), &[]).await;
    let read = walk.visitor.get(&format!("/v1/referrals/{referral}")).await;
    let state = read.text("/state");
    let rule = Rule::of(EVENTS, "a referral's state follows what the bank tells");
    walk.note(
        rule,
        told.status == 200 && state == "lost",
        format!("{} {state:?}", told.in_words()),
    );
}
