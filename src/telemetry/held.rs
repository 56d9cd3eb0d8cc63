//! What waits for staff because a limit, lateness or a freeze holds it, as metrics. Rules are named by the
//! bank's own files, and only a bounded number of them become labels.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::Moment;

/// The number of pairs that get labels of their own; those after them are counted as `other`.
const PAIRS_MAX: usize = 200;
const OTHER: &str = "other";

/// What waits by one rule at the partners of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLevel {
    /// Partners of which something waits.
    pub alarms: i64,
    pub events: i64,
    /// When the oldest of them was recorded.
    pub oldest: Moment,
}

/// What waits, by kind of partner and rule.
#[derive(Clone, Debug, Default)]
pub struct HeldLevels(BTreeMap<HeldLabels, HeldLevel>);

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct HeldLabels {
    partner_kind: &'static str,
    rule: String,
}

/// The gauges of it.
#[derive(Default)]
pub struct HeldGauges {
    alarms: Family<HeldLabels, Gauge>,
    events: Family<HeldLabels, Gauge>,
    oldest: Family<HeldLabels, Gauge>,
    /// The labels that the last reader was given.
    told: Mutex<HeldLevels>,
}

impl HeldLevels {
    /// Adds what waits of one partner.
    pub fn add(&mut self, partner_kind: &'static str, rule: &str, level: HeldLevel) {
        let labels = HeldLabels { partner_kind, rule: rule.to_owned() };
        let is_full = self.0.len() >= PAIRS_MAX && !self.0.contains_key(&labels);
        let rest = HeldLabels { partner_kind: OTHER, rule: OTHER.to_owned() };
        let labels = if is_full { rest } else { labels };
        let known = self.0.entry(labels).or_insert(HeldLevel { alarms: 0, events: 0, ..level });
        known.alarms = known.alarms.saturating_add(level.alarms);
        known.events = known.events.saturating_add(level.events);
        known.oldest = known.oldest.min(level.oldest);
    }
}

impl HeldGauges {
    pub fn register(&self, registry: &mut Registry) {
        let Self { alarms, events, oldest, .. } = self;
        let about = "Partners of which events wait for staff, by kind and rule";
        registry.register("alarms", about, alarms.clone());
        let about = "Events that wait for staff, by kind of partner and rule";
        registry.register("held_events", about, events.clone());
        let about = "When the oldest event that waits for staff was recorded";
        let name = "held_oldest_timestamp";
        registry.register_with_unit(name, about, Unit::Seconds, oldest.clone());
    }

    /// Takes the levels of now, and forgets what does not wait any more.
    pub fn set(&self, levels: &HeldLevels) {
        // The levels are whole whatever panicked while they were locked.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in told.0.keys().filter(|labels| !levels.0.contains_key(labels)) {
            self.alarms.remove(gone);
            self.events.remove(gone);
            self.oldest.remove(gone);
        }
        for (labels, level) in &levels.0 {
            self.alarms.get_or_create(labels).set(level.alarms);
            self.events.get_or_create(labels).set(level.events);
            self.oldest.get_or_create(labels).set(level.oldest.unix_seconds());
        }
        told.clone_from(levels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_of_a_kind_are_summed_and_no_number_of_rules_makes_more_labels() {
        let at = |text: &str| Moment::parse(text).unwrap();
        let level = |events, oldest| HeldLevel { alarms: 1, events, oldest };
        let mut levels = HeldLevels::default();
        levels.add("supermarket", "late", level(3, at("2026-11-27T10:00:00Z")));
        levels.add("supermarket", "late", level(4, at("2026-11-27T09:00:00Z")));
        for rule in 0..500 {
            levels.add("tea", &format!("rule-{rule}"), level(1, at("2026-11-27T10:00:00Z")));
        }
        assert_eq!(levels.0.len(), PAIRS_MAX + 1);
        let late = HeldLabels { partner_kind: "supermarket", rule: "late".to_owned() };
        let earliest = at("2026-11-27T09:00:00Z");
        assert_eq!(levels.0[&late], HeldLevel { alarms: 2, events: 7, oldest: earliest });
        let gauges = HeldGauges::default();
        gauges.set(&levels);
        gauges.set(&HeldLevels::default());
        let mut registry = Registry::default();
        gauges.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(!text.contains("late"), "{text}");
    }
}
