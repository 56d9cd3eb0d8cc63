//! The conformance kit's walk through the guide: what each step needs, and the verdicts it notes.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::report::{Report, Rule, Verdict};
use super::visitor::{Answer, Visitor};
use crate::clock::{self, Moment};
use crate::partner::Partner;

/// Sections of docs/partner-guide.md.
pub const TOKEN: &str = "2. A token";
pub const BOUND: &str = "Bound to a key (DPoP)";
pub const EVENT: &str = "3. An event";
pub const EVENTS: &str = "Events";
pub const MANY: &str = "Many events";
pub const WEBHOOKS: &str = "Webhooks";
pub const SIGNING: &str = "Signing";
pub const SANDBOX: &str = "The sandbox";
pub const ERRORS: &str = "Errors";

/// The answer that a rule asks for. With an empty slug, the problem document is not compared.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    status: u16,
    slug: &'a str,
}

impl<'a> Wanted<'a> {
    #[must_use]
    pub const fn of(status: u16, slug: &'a str) -> Self {
        Self { status, slug }
    }
}

pub struct Walk {
    pub visitor: Visitor,
    pub partner: Arc<Partner>,
    pub report: Report,
    /// Keeps the ids of one run apart from those of all others.
    run: String,
    /// How far the partner's clock is ahead, in seconds.
    pub ahead: i64,
    /// A member of the partner.
    pub member: String,
}

impl Walk {
    #[must_use]
    pub fn new(visitor: Visitor, partner: Arc<Partner>) -> Self {
        let report = Report::new(partner.id.clone(), visitor.url.clone(), clock::now());
        let run = uuid::Uuid::new_v4().simple().to_string().chars().take(12).collect();
        Self { visitor, partner, report, run, ahead: 0, member: String::new() }
    }

    /// Whether the partner's manifest has that scope.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.partner.access.scopes.iter().any(|it| it.name() == scope)
    }

    /// An event id of this run.
    #[must_use]
    pub fn id(&self, name: &str) -> String {
        format!("conform-{}-{name}", self.run)
    }

    /// The time by the partner's clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        clock::now().plus(TimeDelta::seconds(self.ahead))
    }

    #[must_use]
    pub fn event(&self, name: &str, kind: &str, data: Value) -> Value {
        json!({
            "specversion": "1.0", "id": self.id(name), "source": "/conform", "type": kind,
            "time": self.now().to_string(), "data": data,
        })
    }

    /// A payment without a discount, for an order with the same name.
    #[must_use]
    pub fn payment(&self, name: &str, amount: &str) -> Value {
        let data = json!({
            "member": self.member, "order": self.id(name), "stage": "whole", "currency": "CNY",
            "gross": amount, "discount": "0.00", "paid": amount,
        });
        self.event(name, "payment.discounted", data)
    }

    #[must_use]
    pub fn refund(&self, name: &str, payment: &str, amount: &str) -> Value {
        let data = json!({ "payment": self.id(payment), "currency": "CNY", "amount": amount });
        self.event(name, "payment.refunded", data)
    }

    /// Compares an answer with the wanted one, and notes the verdict. Returns whether they agree.
    pub fn expect(&mut self, rule: Rule, answer: &Answer, wanted: Wanted<'_>) -> bool {
        let Wanted { status, slug } = wanted;
        let fits = answer.status == status && (slug.is_empty() || answer.slug() == slug);
        let seen = answer.in_words();
        if fits {
            self.report.note(rule, Verdict::Passed, seen);
        } else {
            let expected = format!("expected {status} {slug}");
            self.report.note(rule, Verdict::Failed, format!("{}, got {seen}", expected.trim_end()));
        }
        fits
    }

    /// Notes a verdict on anything other than an answer.
    pub fn note(&mut self, rule: Rule, fits: bool, seen: impl Into<String>) {
        self.report.note(rule, if fits { Verdict::Passed } else { Verdict::Failed }, seen);
    }

    pub fn skip(&mut self, rule: Rule, why: &str) {
        self.report.note(rule, Verdict::NotTried, why);
    }

    /// Moves the partner's clock ahead by that many seconds.
    pub async fn wait(&mut self, seconds: i64) -> Answer {
        let ahead = self.ahead.saturating_add(seconds);
        let answer =
            self.visitor.put("/v1/sandbox/clock", &json!({ "ahead_seconds": ahead })).await;
        if answer.status == 200 {
            self.ahead = ahead;
        }
        answer
    }
}
