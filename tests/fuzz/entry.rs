//! What is fuzzed: the doors by which other people's bytes come in. The fuzzer's targets and the test that goes
//! through the kept corpus (tests/promises/corpus.rs) come in by the same.

use std::str::from_utf8;
use std::sync::{Arc, LazyLock};

use tallystick::clock::Moment;
use tallystick::event::{self, FingerprintKey};
use tallystick::ids::PartnerId;
use tallystick::intake::columns::Columns;
use tallystick::partner::assertion::{self, Recipient};
use tallystick::partner::limits::EventLimits;
use tallystick::partner::programme::Programme;
use tallystick::partner::signature::{self, Message};
use tallystick::partner::{Partner, file_map::FileMap};

const ISSUER: &str = "https://gateway.test";
const PARTNER: &str = "green-basket";
/// The public half of the key with which the seeds of `assertion` and `signature` are signed.
const KEY: &str = r#"
[[access.keys]]
kid = "fuzz-1"
alg = "EdDSA"
jwk = { kty = "OKP", crv = "Ed25519", x = "xOWE6n6e52cGQkcfpzBWJXpRhOKI5W2tDn6aG9-s3EY" }
"#;
/// When the seeds were signed.
const SIGNED_AT: i64 = 1_795_500_000;
const SIGNED_ON: &str = "2026-11-24";

static PROGRAMME: LazyLock<Arc<Programme>> = LazyLock::new(|| {
    let text = include_str!("../../partners/programme.toml");
    Arc::new(Programme::parse(text, "programme.toml").unwrap())
});

static SHOP: LazyLock<Partner> = LazyLock::new(|| {
    let text = include_str!("../../partners/green-basket/partner.toml").to_owned() + KEY;
    Partner::parse(&text, "partner.toml", PARTNER, &PROGRAMME).unwrap()
});

static FINGERPRINTS: LazyLock<FingerprintKey> = LazyLock::new(|| FingerprintKey::new(&[7; 32]));

static LIMITS: LazyLock<EventLimits> = LazyLock::new(EventLimits::default);

/// The body of `POST /v1/events`.
pub fn event(bytes: &[u8]) {
    let partner = PartnerId::try_from(PARTNER).unwrap();
    let Ok(read) = event::parse(&partner, &LIMITS, bytes, &FINGERPRINTS) else { return };
    // What is taken reads the same again, and what is kept of it can be read.
    let again = event::parse(&partner, &LIMITS, bytes, &FINGERPRINTS).unwrap();
    assert!(read.fingerprint.matches(again.fingerprint.bytes()));
    let kept = event::parse_recorded(&partner, &read.body).unwrap();
    assert_eq!(kept.data.kind(), read.data.kind());
    assert_eq!(kept.data.amount(), read.data.amount());
    assert_eq!(kept.id, read.id);
}

/// A partner's manifest, in the folder that it names.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = from_utf8(bytes) else { return };
    let named = |line: &str| Some(line.strip_prefix("id = \"")?.split('"').next()?.to_owned());
    let folder = text.lines().find_map(named).unwrap_or_default();
    match Partner::parse(text, "partner.toml", &folder, &PROGRAMME) {
        Ok(partner) => assert_eq!(partner.id.as_str(), folder),
        Err(error) => assert!(error.line <= text.lines().count() + 1, "{error}"),
    }
}

/// A day's payments, as CSV with the columns of the shop's manifest.
pub fn payments_file(bytes: &[u8]) {
    let map: &FileMap = SHOP.payments_file.as_ref().unwrap();
    let mut lines = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let Ok(header) = lines.headers().cloned() else { return };
    let Ok(columns) = Columns::find(map, &header) else { return };
    for record in lines.into_records().flatten() {
        let value = columns.event(&record);
        if let Ok(read) = event::parse_value(&SHOP.id, &SHOP.limits, &value, &FINGERPRINTS) {
            event(value.to_string().as_bytes());
            assert_eq!(read.data.kind(), event::Payment::TYPE);
        }
    }
}

/// A client assertion, from whomever it says.
pub fn assertion(bytes: &[u8]) {
    let Ok(text) = from_utf8(bytes) else { return };
    let token_url = "https://gateway.test/oauth/token";
    let recipient = Recipient { issuer: ISSUER, token_url };
    let claimed = assertion::claimed_client(text);
    let verified =
        assertion::verify(text, Some(&SHOP), recipient, signed_at(), SIGNED_ON.parse().unwrap());
    // Nobody is let in as somebody else.
    assert!(verified.is_err() || claimed.as_ref() == Some(&SHOP.id));
    assert!(
        assertion::verify(text, None, recipient, signed_at(), SIGNED_ON.parse().unwrap()).is_err()
    );
}

/// A signed request: method, URL and fields a line each, an empty line, and the body.
pub fn signature(bytes: &[u8]) {
    let (head, body) = match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let Ok(head) = from_utf8(head) else { return };
    let mut lines = head.lines();
    let (method, target_uri) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| {
        let named = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<&str> = named.map(|(_, value)| value.trim()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    let message = Message { method, target_uri, field: &field, body };
    let keys = SHOP.access.keys.iter();
    if let Ok(Some(signed)) = signature::verify(&message, keys, true, signed_at()) {
        let kept = signed.content.with_body(body).unwrap();
        assert!(signature::Content::split(&kept).is_some());
    }
}

fn signed_at() -> Moment {
    Moment::from_unix_seconds(SIGNED_AT).unwrap()
}
