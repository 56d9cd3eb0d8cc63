//! The sandbox's own doors, and problems that are asked for.

use serde_json::{Value, json};

use super::report::Rule;
use super::walk::{ERRORS, SANDBOX, Walk, Wanted};
use crate::http::problem::KINDS;

/// Whether the sandbox is open to the partner.
pub async fn sandbox(walk: &mut Walk) -> bool {
    let clock = walk.visitor.get("/v1/sandbox/clock").await;
    if !walk.expect(
        Rule::of(SANDBOX, "the partner is in the sandbox and has a clock"),
        &clock,
        Wanted::of(200, ""),
    ) {
        return false;
    }
    walk.ahead = clock.body.pointer("/ahead_seconds").and_then(Value::as_i64).unwrap_or(0);
    let member = walk.visitor.post("/v1/sandbox/members", &json!({}), &[]).await;
    walk.member = member.text("/member").to_owned();
    walk.expect(
        Rule::of(SANDBOX, "a member is made without the bank's app"),
        &member,
        Wanted::of(201, ""),
    )
}

pub async fn problems(walk: &mut Walk) {
    let busy = walk.payment("busy", "1.00");
    let headers = [("sandbox-problem", "busy")];
    let answer = walk.visitor.post("/v1/events", &busy, &headers).await;
    walk.expect(
        Rule::of(ERRORS, "a gateway that is busy says so (Sandbox-Problem: busy)"),
        &answer,
        Wanted::of(503, "busy"),
    );
    let seconds = answer.header("retry-after").parse::<u64>();
    let seen = format!("Retry-After: {}", answer.header("retry-after"));
    walk.note(Rule::of(ERRORS, "and says when to come again"), seconds.is_ok(), seen);
    let answer = walk.visitor.event(&busy).await;
    walk.expect(Rule::of(ERRORS, "the same event is taken then"), &answer, Wanted::of(201, ""));
    let mut strange = Vec::new();
    for kind in KINDS {
        let headers = [("sandbox-problem", kind.slug)];
        let answer = walk.visitor.post("/v1/events", &busy, &headers).await;
        if (answer.status, answer.slug()) != (kind.status, kind.slug) {
            strange.push(format!("{}: {}", kind.slug, answer.in_words()));
        }
    }
    let rule = Rule::of(ERRORS, "every type of problem can be asked for");
    let seen =
        if strange.is_empty() { format!("{} types", KINDS.len()) } else { strange.join("; ") };
    walk.note(rule, strange.is_empty(), seen);
}
