//! What the partner's own software did in the sandbox: signs of faults that no test of the gateway
//! can show.

use super::report::{Rule, Verdict};
use super::walk::{ERRORS, EVENT, EVENTS, SIGNING, TOKEN, Walk};
use crate::cli::Failure;
use crate::clock::Moment;
use crate::ids::EventKey;
use crate::partner::sign;
use crate::store::observations::{self, Observation};
use crate::store::{Db, events};

/// A rule, the signs that it is broken, and what to do.
struct Fault {
    rule: Rule,
    signs: &'static [&'static str],
    verdict: Verdict,
    advice: &'static str,
}

const fn fault(rule: Rule, signs: &'static [&'static str], advice: &'static str) -> Fault {
    Fault { rule, signs, verdict: Verdict::Failed, advice }
}

const FAULTS: &[Fault] = &[
    fault(
        Rule::of(TOKEN, "your software signs a new assertion for each token"),
        &[sign::ASSERTION_REUSED],
        "make a new jti for every assertion",
    ),
    fault(
        Rule::of(TOKEN, "your software asks only for what its scopes allow"),
        &["insufficient-scope"],
        "ask for the scope that the call needs",
    ),
    fault(
        Rule::of(EVENT, "your software sends JSON"),
        &["malformed"],
        "write bodies with a JSON library, in UTF-8",
    ),
    fault(
        Rule::of(EVENT, "your software gives each event an id of its own"),
        &["event-conflict"],
        "an id was used again with other content: never number events anew, and never change one",
    ),
    fault(
        Rule::of(EVENT, "your software keeps the Idempotency-Key to one request"),
        &["idempotency-mismatch", "idempotency-key"],
        "a new request needs a new key",
    ),
    fault(
        Rule::of(EVENTS, "your software writes amounts as strings"),
        &[sign::AMOUNT_AS_NUMBER],
        "amounts were JSON numbers: write \"12.50\"",
    ),
    fault(
        Rule::of(EVENTS, "your software sends only fields that are known"),
        &[sign::FIELD_UNKNOWN],
        "leave out, or spell as the guide does, what problems names",
    ),
    fault(
        Rule::of(EVENTS, "your software's events are not in the future"),
        &[sign::TIME_IN_FUTURE],
        "check the clock, and send the time with its offset",
    ),
    fault(
        Rule::of(EVENTS, "your software sends a payment before its refunds"),
        &["payment-unknown"],
        "a refund came whose payment was not recorded: keep their order, and name the payment's id",
    ),
    fault(
        Rule::of(EVENTS, "your software refunds no more than was paid"),
        &["refund-exceeds"],
        "add up what was refunded of a payment before",
    ),
    fault(
        Rule::of(EVENTS, "your software tries again under the same id"),
        &[sign::ORDER_RESENT, "conflicting-duplicate"],
        "an order came again under a new event id: keep the event with its id until it is answered",
    ),
    fault(
        Rule::of(SIGNING, "your software signs as agreed"),
        &["signature-required", "signature-malformed", "signature-invalid"],
        "check key, clock, digest and covered components",
    ),
    fault(
        Rule::of(ERRORS, "your software waits as long as Retry-After says"),
        &[sign::RETRY_TOO_EARLY],
        "wait that many seconds before the same again",
    ),
    Fault {
        rule: Rule::of(ERRORS, "your software keeps to the agreed rate"),
        signs: &["rate-limited"],
        verdict: Verdict::Advised,
        advice: "spread the requests: RateLimit tells what is left",
    },
    Fault {
        rule: Rule::of(EVENTS, "your software names the stage of an order"),
        signs: &[sign::STAGE_MISSING],
        verdict: Verdict::Advised,
        advice: "name the stage, so that an order sent again under new ids brings no double points",
    },
];

/// The rule without which nothing is proved.
pub const SEEN: &str = "your software has been seen";

/// At most the tokens that this number of requests needs: a token is good for five minutes.
const REQUESTS_A_TOKEN_MIN: i64 = 3;
const TOKENS_MIN: i64 = 5;
/// Requests that the kit itself may have made, over some runs.
const KIT_REQUESTS_MAX: i64 = 5_000;

/// Which part of what was seen counts.
pub struct Span {
    pub from: Moment,
    /// Events that were put off later than this may still come.
    pub patience_until: Moment,
}

/// Notes what was seen of the partner's own software.
///
/// # Errors
/// When the database cannot be read.
pub fn observed(walk: &mut Walk, db: &mut Db, span: &Span) -> Result<(), Failure> {
    let seen = observations::since(db, &walk.partner.id, span.from)?;
    let rule = Rule::of(EVENT, SEEN);
    let requests = sum(&seen, &[sign::REQUEST]);
    if requests == 0 {
        walk.skip(rule, "no request but the kit's since then: let it play in the sandbox first");
        return Ok(());
    }
    walk.report.note(rule, Verdict::Passed, format!("{requests} requests"));
    for fault in FAULTS {
        let found: Vec<&Observation> =
            seen.iter().filter(|it| fault.signs.contains(&it.sign.as_str())).collect();
        let Some(last) = found.iter().max_by_key(|it| it.last_seen_at) else {
            walk.report.note(fault.rule, Verdict::Passed, "no sign of anything else");
            continue;
        };
        let count = found.iter().fold(0_i64, |sum, it| sum.saturating_add(it.count));
        let text = format!(
            "{count} times, last at {} on {}: {}",
            last.last_seen_at, last.route, fault.advice
        );
        walk.report.note(fault.rule, fault.verdict, text);
    }
    own_name(walk, &seen, requests);
    tokens(walk, &seen, requests);
    deferred(walk, db, &seen, span)
}

/// What says that it is the kit is not looked at, so most of what comes must not say so.
fn own_name(walk: &mut Walk, seen: &[Observation], requests: i64) {
    let of_kit = sum(seen, &[sign::KIT_REQUEST]);
    let text = format!("{of_kit} requests said that they were the kit's, and {requests} did not");
    let rule = Rule::of(EVENT, "your software has a User-Agent of its own");
    walk.note(rule, of_kit <= requests.max(KIT_REQUESTS_MAX), text);
}

fn tokens(walk: &mut Walk, seen: &[Observation], requests: i64) {
    let tokens = sum(seen, &[sign::TOKEN]);
    let fits = tokens <= TOKENS_MIN || requests >= tokens.saturating_mul(REQUESTS_A_TOKEN_MIN);
    let mut text = format!("{tokens} tokens for {requests} requests");
    if !fits {
        text.push_str(": keep a token for its five minutes, do not ask for one per request");
    }
    walk.note(Rule::of(TOKEN, "your software keeps its token"), fits, text);
}

/// Events that the gateway could not take at the time, and that never came again.
fn deferred(
    walk: &mut Walk,
    db: &mut Db,
    seen: &[Observation],
    span: &Span,
) -> Result<(), Failure> {
    let rule = Rule::of(ERRORS, "your software sends again what could not be taken");
    let (mut lost, mut waiting) = (0_usize, 0_usize);
    for it in seen.iter().filter(|it| it.sign == sign::DEFERRED) {
        let Some(key) = event_key(&it.subject) else { continue };
        if events::receipt(db, key)?.is_some() {
            continue;
        }
        if it.last_seen_at < span.patience_until {
            lost = lost.saturating_add(1);
        } else {
            waiting = waiting.saturating_add(1);
        }
    }
    let text = match (lost, waiting) {
        (0, 0) => "nothing was put off and forgotten".to_owned(),
        (0, waiting) => format!("{waiting} were put off a moment ago"),
        (lost, _) => format!(
            "{lost} events were answered 429 or 5xx and never came again under their id: keep each \
             event until it is answered, and send it again after Retry-After"
        ),
    };
    walk.note(rule, lost == 0, text);
    Ok(())
}

fn event_key(subject: &str) -> Option<EventKey> {
    Some(EventKey::from_bytes(*uuid::Uuid::parse_str(subject).ok()?.as_bytes()))
}

fn sum(seen: &[Observation], signs: &[&str]) -> i64 {
    let of_signs = seen.iter().filter(|it| signs.contains(&it.sign.as_str()));
    of_signs.fold(0, |sum, it| sum.saturating_add(it.count))
}
