//! The conformance kit tries redemption, with the sandbox's codes and clock.

use serde_json::{Value, json};

use super::report::Rule;
use super::walk::{EVENTS, SANDBOX, Walk, Wanted};

/// A day, in seconds.
const DAY: i64 = 86_400;
/// The longest time, in days, that the kit waits until new points may be spent.
const PENDING_DAYS_MAX: i64 = 400;

pub async fn redemption(walk: &mut Walk) {
    if !walk.partner.redemption {
        walk.skip(Rule::of(EVENTS, "points are held"), "the manifest does not take points");
        return;
    }
    let paid = walk.visitor.event(&walk.payment("p-9", "500.00")).await;
    if !walk.expect(
        Rule::of(EVENTS, "a payment brings points to spend"),
        &paid,
        Wanted::of(201, ""),
    ) {
        return;
    }
    let days = days_to_wait(walk, paid.body.to_string().contains("points_pending"));
    if days > 0 {
        let moved = walk.wait(days.saturating_mul(DAY)).await;
        walk.expect(
            Rule::of(SANDBOX, "a clock moved ahead lets points mature"),
            &moved,
            Wanted::of(200, ""),
        );
    }
    let Some(code) = code(walk).await else { return };
    let held = hold(walk, "h-1", &code).await;
    if !walk.expect(Rule::of(EVENTS, "points are held with a code"), &held, Wanted::of(201, "")) {
        return;
    }
    let again = hold(walk, "h-2", &code).await;
    walk.expect(Rule::of(EVENTS, "a code is good once"), &again, Wanted::of(422, "code-invalid"));
    let steps = [
        (
            "a hold is committed in part",
            "c-1",
            "redemption.committed",
            json!({ "points": "0.60" }),
            Wanted::of(201, ""),
        ),
        (
            "a hold is closed once",
            "c-2",
            "redemption.committed",
            json!({}),
            Wanted::of(409, "hold-closed"),
        ),
        (
            "points come back with the goods",
            "g-1",
            "redemption.returned",
            json!({ "points": "0.60" }),
            Wanted::of(201, ""),
        ),
        (
            "no more comes back than was spent",
            "g-2",
            "redemption.returned",
            json!({ "points": "0.01" }),
            Wanted::of(422, "redemption-exceeds"),
        ),
    ];
    for (rule, name, kind, mut data, expected) in steps {
        if let Value::Object(data) = &mut data {
            data.insert("hold".to_owned(), json!(walk.id("h-1")));
        }
        let answer = walk.visitor.event(&walk.event(name, kind, data)).await;
        walk.expect(Rule::of(EVENTS, rule), &answer, expected);
    }
    endings(walk).await;
}

/// Tries a hold that is cancelled, and a hold whose time runs out.
async fn endings(walk: &mut Walk) {
    let Some(shown) = code(walk).await else { return };
    let held = hold(walk, "h-3", &shown).await;
    let data = json!({ "hold": walk.id("h-3") });
    let answer = walk.visitor.event(&walk.event("x-3", "redemption.cancelled", data)).await;
    let seen = format!("{}, then {}", held.in_words(), answer.in_words());
    let fits = (held.status, answer.status) == (201, 201);
    walk.note(Rule::of(EVENTS, "a hold is cancelled"), fits, seen);
    let Some(shown) = code(walk).await else { return };
    let held = hold(walk, "h-4", &shown).await;
    let seconds = i64::from(walk.partner.programme.points.hold_seconds);
    let moved = walk.wait(seconds.saturating_add(60)).await;
    let fits = held.status == 201 && moved.status == 200;
    walk.note(Rule::of(SANDBOX, "the clock is moved past a hold's time"), fits, moved.in_words());
    let data = json!({ "hold": walk.id("h-4") });
    let late = walk.visitor.event(&walk.event("c-4", "redemption.committed", data)).await;
    walk.expect(
        Rule::of(EVENTS, "a hold whose time is over is closed"),
        &late,
        Wanted::of(409, "hold-closed"),
    );
}

async fn code(walk: &mut Walk) -> Option<String> {
    let body = json!({ "member": walk.member });
    let answer = walk.visitor.post("/v1/sandbox/codes", &body, &[]).await;
    let made = answer.status == 201;
    if !made {
        walk.expect(
            Rule::of(SANDBOX, "a code is made without the bank's app"),
            &answer,
            Wanted::of(201, ""),
        );
    }
    made.then(|| answer.text("/code").to_owned())
}

async fn hold(walk: &Walk, name: &str, code: &str) -> super::visitor::Answer {
    let data = json!({ "code": code, "points": "1.00" });
    walk.visitor.event(&walk.event(name, "redemption.held", data)).await
}

/// The days after which whatever is earned now may be spent where it was earned.
fn days_to_wait(walk: &Walk, is_pending: bool) -> i64 {
    let own = i64::from(walk.partner.programme.redemption.own_after_days);
    let pending = if is_pending { pending_days(walk) } else { 0 };
    pending.max(own.saturating_add(i64::from(own > 0)))
}

/// The number of days after which all points that are earned now may be spent.
fn pending_days(walk: &Walk) -> i64 {
    let now = walk.now();
    let matures = walk.partner.scheme.earning.iter().filter_map(|rule| rule.matures_at(now));
    let days = matures.map(|at| (at.utc() - now.utc()).num_days()).max().unwrap_or(0);
    days.clamp(0, PENDING_DAYS_MAX).saturating_add(1)
}
