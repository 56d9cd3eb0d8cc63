//! Payments and refunds, what comes again, and signatures.

use serde_json::{Value, json};

use super::report::Rule;
use super::walk::{EVENT, EVENTS, SIGNING, Walk, Wanted};

/// Whether a payment was taken.
pub async fn payments(walk: &mut Walk) -> bool {
    let payment = walk.payment("p-1", "100.00");
    let first = walk.visitor.event(&payment).await;
    if first.slug() == "outside-term" {
        walk.skip(
            Rule::of(EVENT, "a payment is recorded"),
            "the manifest has no earning rule in force",
        );
        return false;
    }
    if !walk.expect(Rule::of(EVENT, "a payment is recorded"), &first, Wanted::of(201, "")) {
        return false;
    }
    let again = walk.visitor.event(&payment).await;
    let same = again.text("/receipt") == first.text("/receipt");
    let told = again.header("idempotency-replayed") == "true";
    let seen = format!("{}, the same receipt: {same}", again.in_words());
    walk.note(
        Rule::of(EVENT, "the same again gives the first receipt"),
        again.status == 200 && same && told,
        seen,
    );
    let other = walk.visitor.event(&walk.payment("p-1", "90.00")).await;
    walk.expect(
        Rule::of(EVENT, "the same id with other content is refused"),
        &other,
        Wanted::of(409, "event-conflict"),
    );
    let path = format!("/v1/events/{}", walk.id("p-1"));
    if walk.may("events:read") {
        let read = walk.visitor.get(&path).await;
        walk.expect(Rule::of(EVENT, "the receipt can be read again"), &read, Wanted::of(200, ""));
    }
    wrong(walk).await;
    refunds(walk).await;
    repeated(walk).await;
    true
}

/// Events that are not as they should be.
async fn wrong(walk: &mut Walk) {
    let changes = [
        ("an amount as a JSON number is refused", "/data/gross", json!(100.0), "invalid"),
        ("a field that nobody knows is refused", "/data/colour", json!("red"), "invalid"),
        ("a time without an offset is refused", "/time", json!("2026-01-01T10:00:00"), "invalid"),
        ("a time in the future is refused", "/time", json!("2099-01-01T10:00:00Z"), "event-time"),
    ];
    for (rule, pointer, value, slug) in changes {
        let mut event = walk.payment("wrong", "10.00");
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(Value::Object(fields)) = event.pointer_mut(parent) {
            fields.insert(name.to_owned(), value);
        }
        let answer = walk.visitor.event(&event).await;
        walk.expect(Rule::of(EVENTS, rule), &answer, Wanted::of(422, slug));
    }
    if walk.partner.enrolment == crate::partner::manifest::Enrolment::Linked {
        let mut event = walk.payment("stranger", "10.00");
        if let Some(member) = event.pointer_mut("/data/member") {
            *member = json!(walk.id("nobody"));
        }
        let answer = walk.visitor.event(&event).await;
        let rule = Rule::of(EVENTS, "a member whom the bank has not linked is refused");
        walk.expect(rule, &answer, Wanted::of(422, "member-unknown"));
    }
}

async fn refunds(walk: &mut Walk) {
    let steps = [
        ("a refund in part is recorded", "r-1", "p-1", "40.00", Wanted::of(201, "")),
        ("a second part is recorded", "r-2", "p-1", "60.00", Wanted::of(201, "")),
        (
            "more than was paid is not refunded",
            "r-3",
            "p-1",
            "0.01",
            Wanted::of(422, "refund-exceeds"),
        ),
        (
            "a refund before its payment is refused",
            "r-4",
            "none",
            "1.00",
            Wanted::of(422, "payment-unknown"),
        ),
    ];
    for (rule, name, payment, amount, expected) in steps {
        let answer = walk.visitor.event(&walk.refund(name, payment, amount)).await;
        walk.expect(Rule::of(EVENTS, rule), &answer, expected);
    }
}

/// Keys of requests and of orders.
async fn repeated(walk: &mut Walk) {
    let key = walk.id("key");
    let headers = [("idempotency-key", key.as_str())];
    let payment = walk.payment("p-2", "20.00");
    let first = walk.visitor.post("/v1/events", &payment, &headers).await;
    let again = walk.visitor.post("/v1/events", &payment, &headers).await;
    let same = (first.status, again.status) == (201, 201) && first.body == again.body;
    let told = again.header("idempotency-replayed") == "true";
    let rule = Rule::of(EVENT, "an Idempotency-Key gives the same answer again");
    walk.note(rule, same && told, format!("{}, then {}", first.status, again.status));
    let other = walk.visitor.post("/v1/events", &walk.payment("p-3", "20.00"), &headers).await;
    let rule = Rule::of(EVENT, "an Idempotency-Key is not taken for another request");
    walk.expect(rule, &other, Wanted::of(422, "idempotency-mismatch"));
    // The same order and stage under another id: as after a backup was restored.
    let renamed = |mut event: Value, id: String| {
        if let Some(place) = event.pointer_mut("/id") {
            *place = json!(id);
        }
        event
    };
    let again = walk.visitor.event(&renamed(payment.clone(), walk.id("p-2-again"))).await;
    let first_id = again.text("/duplicate_of") == walk.id("p-2");
    let rule = Rule::of(EVENTS, "an order's stage under a new id gets the first receipt");
    walk.note(rule, again.status == 200 && first_id, again.in_words());
    let mut changed = renamed(payment, walk.id("p-2-other"));
    for (pointer, value) in [("/data/gross", "21.00"), ("/data/paid", "21.00")] {
        if let Some(place) = changed.pointer_mut(pointer) {
            *place = json!(value);
        }
    }
    let answer = walk.visitor.event(&changed).await;
    let rule = Rule::of(EVENTS, "an order's stage with other content is refused");
    walk.expect(rule, &answer, Wanted::of(409, "conflicting-duplicate"));
}

/// What a partner whose requests must be signed has to keep to.
pub async fn signing(walk: &mut Walk) {
    let rule = Rule::of(SIGNING, "what is not signed is refused");
    if !walk.partner.access.signed_requests {
        walk.skip(rule, "the manifest does not ask for signatures");
        return;
    }
    walk.visitor.signs = false;
    let answer = walk.visitor.event(&walk.payment("unsigned", "1.00")).await;
    walk.visitor.signs = true;
    walk.expect(rule, &answer, Wanted::of(403, "signature-required"));
    walk.visitor.signs = false;
    let headers = [
        ("content-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
        ("signature-input", "sig=(\"@method\" \"@target-uri\" \"content-digest\");created=1"),
        ("signature", "sig=:AAAA:"),
    ];
    let answer = walk.visitor.post("/v1/events", &walk.payment("forged", "1.00"), &headers).await;
    walk.visitor.signs = true;
    let rule = Rule::of(SIGNING, "a signature that proves nothing is refused");
    walk.note(rule, matches!(answer.status, 400 | 403), answer.in_words());
}
