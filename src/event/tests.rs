use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn key() -> FingerprintKey {
    FingerprintKey::new(b"test")
}

fn partner() -> PartnerId {
    PartnerId::try_from("green-basket").unwrap()
}

fn payment() -> Value {
    json!({
        "specversion": "1.0", "id": "p-1", "source": "/till/1", "type": "payment.discounted",
        "time": "2026-11-02T10:15:30Z",
        "data": {
            "member": "m-1", "order": "o-1", "currency": "CNY",
            "gross": "215.50", "discount": "30.00", "paid": "185.50",
        },
    })
}

fn referral() -> Value {
    json!({
        "specversion": "1.0", "id": "t-1", "source": "/desk", "type": "referral.created",
        "time": "2026-11-02T10:15:30Z",
        "data": {
            "product": "travel-loan", "currency": "CNY", "amount": "9000.00", "region": "harbour",
            "contact": { "name": "Test Person", "phone": "+8619900001234", "email": "p@test.invalid" },
            "consent": {
                "purpose": "to be called", "text_version": "1", "text_sha256": "ab".repeat(32),
                "channel": "tablet", "evidence": "s-1", "given_at": "2026-11-02T10:15:00Z",
            },
        },
    })
}

fn parse_json(value: &Value) -> Result<Event, Malformed> {
    parse_value(&partner(), &EventLimits::default(), value, &key())
}

fn pointers(value: &Value) -> Vec<String> {
    match parse_json(value).unwrap_err() {
        Malformed::Fields(fields) => fields.into_iter().map(|field| field.pointer).collect(),
        Malformed::NotJson { .. } => vec!["not JSON".to_owned()],
    }
}

#[test]
fn each_fault_is_found_where_it_is() {
    let cases: [(&str, Value, &str); 19] = [
        ("/data/gross", json!(215.5), "/data/gross"),
        ("/data/gross", json!("2e2"), "/data/gross"),
        ("/data/gross", json!("-215.50"), "/data/gross"),
        ("/data/paid", json!("185.51"), "/data/paid"),
        ("/data/currency", json!("USD"), "/data/currency"),
        ("/data/member", json!(""), "/data/member"),
        ("/data/member", json!("m\u{0}1"), "/data/member"),
        ("/data/member", json!("m".repeat(65)), "/data/member"),
        ("/data/member", Value::Null, "/data/member"),
        ("/data/dicount", json!("30.00"), "/data/dicount"),
        ("/data/a~b", json!(1), "/data/a~0b"),
        ("/data", json!("x"), "/data"),
        ("/data", Value::Null, "/data"),
        ("/type", json!("payment.made"), "/type"),
        ("/time", json!("2026-11-02"), "/time"),
        ("/specversion", json!("0.3"), "/specversion"),
        ("/id", json!(7), "/id"),
        ("/source", Value::Null, "/source"),
        ("/Colour", json!("red"), "/Colour"),
    ];
    for (place, value, expected) in cases {
        let mut event = payment();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(name.to_owned(), value.clone());
        assert_eq!(pointers(&event), [expected], "{place} = {value}");
    }
    assert_eq!(pointers(&json!([])), [""]);
}

#[test]
fn a_referrals_person_and_consent_are_checked() {
    for (place, value) in [
        ("/data/contact/phone", json!("13800001234")),
        // A trunk 0, and a prefix that no mobile has, would make a second person of one.
        ("/data/contact/phone", json!("+86013800001234")),
        ("/data/contact/phone", json!("+8612800001234")),
        ("/data/contact/phone", json!("+86１3800001234")),
        ("/data/contact/email", json!("nobody")),
        ("/data/contact/email", json!("a@b")),
        ("/data/contact/email", json!("a@b..cn")),
        ("/data/contact/email", json!("a@-b.cn")),
        ("/data/contact/email", json!("a@b.1")),
        ("/data/contact/name", json!("\u{61c}\u{200f}")),
        ("/data/contact", Value::Null),
        ("/data/consent/text_sha256", json!("zz")),
        ("/data/consent/given_at", json!("2026-11-02T10:15:31Z")),
        ("/data/amount", json!("0.00")),
    ] {
        let mut event = referral();
        *event.pointer_mut(place).unwrap_or(&mut Value::Null) = value;
        assert_eq!(pointers(&event), [place]);
    }
    for document in ["١٢٣٤٥٦٧٨", "12-3"] {
        let mut event = referral();
        event["data"]["contact"]["document"] = json!(document);
        assert_eq!(pointers(&event), ["/data/contact/document"], "{document}");
    }
    let mut without = referral();
    without["data"].as_object_mut().unwrap().remove("consent");
    assert!(parse_json(&without).is_ok());
}

#[test]
fn the_person_is_in_no_body_and_no_debug_output_but_in_the_fingerprint() {
    let event = parse_json(&referral()).unwrap();
    let shown = format!("{event:?}{}", event.body);
    assert!(!shown.contains("Test Person") && !shown.contains("19900001234"), "{shown}");
    let mut other = referral();
    other["data"]["contact"]["phone"] = json!("+8619900001235");
    let other = parse_json(&other).unwrap();
    assert!(!other.fingerprint.matches(event.fingerprint.bytes()));
}

#[test]
fn binary_and_structured_mode_are_the_same_event() {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "p-1"),
        ("ce-source", "/till/1"),
        ("ce-type", "payment.discounted"),
        ("ce-time", "2026-11-02T10:15:30Z"),
        ("content-type", "application/json"),
    ];
    let body = payment()["data"].to_string();
    let value = binary_mode(headers.into_iter(), body.as_bytes()).unwrap();
    let (binary, structured) = (parse_json(&value).unwrap(), parse_json(&payment()).unwrap());
    assert!(binary.fingerprint.matches(structured.fingerprint.bytes()));
    assert_eq!(binary.body, structured.body);
}

#[test]
fn extension_attributes_are_passed_over() {
    let mut event = payment();
    event["traceparent"] = json!("00-ab-cd-01");
    event["subject"] = json!("basket");
    let extended = parse_json(&event).unwrap();
    assert!(extended.fingerprint.matches(parse_json(&payment()).unwrap().fingerprint.bytes()));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _outcome = parse(&partner(), &EventLimits::default(), &bytes, &key());
    }

    #[test]
    fn a_changed_amount_is_another_event(cents in 0_i64..1_000_000) {
        let mut event = payment();
        let text = format!("{}.{:02}", cents / 100, cents % 100);
        event["data"]["gross"] = json!(text);
        event["data"]["discount"] = json!("0.00");
        event["data"]["paid"] = json!(text);
        let changed = parse_json(&event).unwrap();
        let same = changed.fingerprint.matches(parse_json(&payment()).unwrap().fingerprint.bytes());
        prop_assert!(!same);
    }
}

#[test]
fn a_name_that_is_no_fields_is_not_repeated() {
    let told = |name: &str| {
        let body = json!({
            "specversion": "1.0", "id": "p-1", "source": "/t", "type": "payment.discounted",
            "time": "2026-11-02T10:15:30Z", "data": { name: 1 }, name: 1,
        });
        parse_json(&body).unwrap_err().in_words()
    };
    for name in
        ["Zebedee Featherstone", "a@person.invalid", "欧阳", "/19900001234", "x19900001234_"]
    {
        assert!(!told(name).contains(name.trim_matches('/')), "{}", told(name));
    }
    assert!(told("paidTotal").contains("/data/paidTotal: unknown field"));
}
