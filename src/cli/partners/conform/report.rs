//! What the conformance kit found, rule by rule, for the person who acts on it.

use std::fmt::Write as _;

use serde::Serialize;

use crate::clock::Moment;
use crate::ids::PartnerId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    /// No rule is broken, but something could be better.
    Advised,
    Failed,
    NotTried,
}

/// A rule, and its section in `docs/partner-guide.md`.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    section: &'static str,
    rule: &'static str,
}

impl Rule {
    #[must_use]
    pub const fn of(section: &'static str, rule: &'static str) -> Self {
        Self { section, rule }
    }
}

/// One rule of the guide, and whether the partner keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub rule: &'static str,
    pub verdict: Verdict,
    pub seen: String,
    /// The section of `docs/partner-guide.md` that has the rule.
    pub section: &'static str,
}

/// All that the kit found about a partner.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub partner: PartnerId,
    pub url: String,
    pub at: Moment,
    pub checks: Vec<Check>,
}

impl Report {
    #[must_use]
    pub const fn new(partner: PartnerId, url: String, at: Moment) -> Self {
        Self { partner, url, at, checks: Vec::new() }
    }

    pub fn note(&mut self, rule: Rule, verdict: Verdict, seen: impl Into<String>) {
        let Rule { section, rule } = rule;
        self.checks.push(Check { rule, verdict, seen: seen.into(), section });
    }

    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    /// Whether no rule is broken.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.count(Verdict::Failed) == 0
    }

    /// For people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut text = format!("{} at {}\n", self.partner, self.url);
        let mut sections: Vec<&str> = Vec::new();
        for check in &self.checks {
            if !sections.contains(&check.section) {
                sections.push(check.section);
            }
        }
        let by_section = |section: &&str| {
            let of_section = self.checks.iter().filter(|check| check.section == *section);
            of_section.collect::<Vec<_>>()
        };
        let mut section = "";
        for check in sections.iter().flat_map(by_section) {
            if check.section != section {
                section = check.section;
                // Writing into a String cannot fail.
                let _written = write!(text, "\n{section} (docs/partner-guide.md)\n");
            }
            let mark = match check.verdict {
                Verdict::Passed => "passed   ",
                Verdict::Advised => "advice   ",
                Verdict::Failed => "FAILED   ",
                Verdict::NotTried => "not tried",
            };
            let _written = writeln!(text, "  {mark}  {}\n             {}", check.rule, check.seen);
        }
        let _written = write!(
            text,
            "\n{} passed, {} failed, {} not tried, {} with advice: {}",
            self.count(Verdict::Passed),
            self.count(Verdict::Failed),
            self.count(Verdict::NotTried),
            self.count(Verdict::Advised),
            if self.is_in_order() { "in order" } else { "not in order" }
        );
        text
    }
}
